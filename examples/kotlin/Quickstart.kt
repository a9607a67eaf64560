import dev.infrai.InfraiClient
import kotlin.io.path.Path
import kotlinx.coroutines.runBlocking

fun main() = runBlocking {
    InfraiClient().use { client ->
        // Once per device: an anonymous account with a trial credit.
        client.activate()

        val prompt = "a timelapse of a city skyline at dusk"
        val job = client.video.generate(prompt, resolution = "1080p")
        println("job: ${job.jobId} | state: ${job.state}")

        val done = job.wait { println(it.state) }
        val saved = done.download(Path("skyline.mp4"), overwrite = true)
        println("${saved.bytes} bytes at ${saved.path}")
    }
}
