package dev.infrai

import javax.crypto.Mac
import javax.crypto.spec.SecretKeySpec
import kotlin.time.Duration.Companion.seconds
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows

class WebhooksTest {
    private val secret = "whsec_test"
    private val body = """{"id":"evt_1","type":"video.done","data":{"job_id":"vid_1","state":"succeeded"}}""".toByteArray()

    private fun sign(key: String): String {
        val mac = Mac.getInstance("HmacSHA256").apply { init(SecretKeySpec(key.toByteArray(), "HmacSHA256")) }
        return mac.doFinal(body).joinToString("") { "%02x".format(it) }
    }

    @Test
    fun `a signed delivery gives its event`() {
        val event = Webhooks.verify(body, "sha256=" + sign(secret), secret)
        assertEquals(listOf("evt_1", "video.done", null), listOf(event.id, event.type, event.created))
        assertEquals("vid_1", event.job?.jobId)
        assertTrue("\"evt_1\"" in event.rawJson)
    }

    @Test
    fun `a refusal has its class and no secret`() {
        val error = assertThrows<InfraiException.WebhookVerification> { Webhooks.verify(body, sign("other"), secret) }
        assertEquals("WEBHOOK_VERIFICATION_FAILED", error.code)
        assertTrue("signature_mismatch" in error.detailsJson.orEmpty())
        assertFalse(secret in error.toString() || sign(secret) in error.toString())
        assertThrows<InfraiException.WebhookVerification> { Webhooks.verify(body, null, secret) }
    }

    @Test
    fun `seen events tell the new from the known`() {
        SeenEvents(capacity = 2, ttl = 60.seconds).use { seen ->
            assertEquals(listOf(true, false), listOf(seen.add("evt_1"), seen.add("evt_1")))
            seen.remove("evt_1")
            assertTrue(seen.add("evt_1"))
        }
        assertThrows<InfraiException.InvalidRequest> { SeenEvents(capacity = 0) }
    }
}
