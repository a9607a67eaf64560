import dev.infrai.InfraiClient
import kotlin.io.path.Path
import kotlinx.coroutines.runBlocking

fun main() = runBlocking {
    InfraiClient().use { client ->
        // Once per device: activate an anonymous account with a trial credit and store its key in ~/.infrai/credentials.
        client.activate()

        val job = client.video.generate("a timelapse of a city skyline at dusk", resolution = "1080p")
        println("job: ${job.jobId} | state: ${job.state}")

        val done = job.wait { println(it.state) }
        val saved = done.download(Path("skyline.mp4"), overwrite = true)
        println("${saved.bytes} bytes at ${saved.path}")
    }
}
