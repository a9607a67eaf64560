package examples

import dev.infrai.InfraiClient
import dev.infrai.InfraiException
import java.nio.file.Path
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Job
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.launch

/** What the screen shows. */
sealed interface Screen {
    data object Empty : Screen
    data class Working(val state: String, val progress: Double?) : Screen
    data class Ready(val file: Path) : Screen
    data class Failed(val message: String, val payAt: String?) : Screen
}

/** The screen's state: one video at a time. In an app, a ViewModel holds it and gives it its `viewModelScope`. */
class VideoScreenModel(private val client: InfraiClient, private val scope: CoroutineScope, private val folder: Path) {
    private val shown = MutableStateFlow<Screen>(Screen.Empty)
    private var work: Job? = null

    val screen: StateFlow<Screen> = shown

    fun generate(prompt: String) {
        work?.cancel()
        work = scope.launch {
            try {
                val job = client.video.generate(prompt)
                val done = job.wait(cancelOnAbort = true) { shown.value = Screen.Working(it.state.value, it.progress) }
                val saved = done.download(folder.resolve("${done.jobId}.mp4"), overwrite = true)
                shown.value = Screen.Ready(saved.path)
            } catch (error: InfraiException) {
                shown.value = Screen.Failed(error.reason, (error as? InfraiException.PaymentRequired)?.checkoutUrl)
            }
        }
    }

    /** Leaving the screen does the same by itself, when its scope ends. */
    fun stop() {
        work?.cancel()
        shown.value = Screen.Empty
    }
}
