package dev.infrai

import dev.infrai.internal.core.ActivateResult as NativeActivation
import dev.infrai.internal.core.ApiResponse as NativeResponse
import dev.infrai.internal.core.Balance as NativeBalance
import dev.infrai.internal.core.TopupRecord as NativeTopup
import kotlin.time.Duration

/** Methods of the account; see [InfraiClient.account]. */
public class Account internal constructor(private val client: InfraiClient) {
    /** Returns the balance: `GET /v1/account/balance`. */
    public suspend fun balance(): Balance = Balance(client.call { it.balance(null) })

    /**
     * Starts a payment: a person pays at the result's [TopupRecord.nextActionUrl], and nothing is added before.
     * `POST /v1/account/topup`.
     *
     * The API documents no route for the state of a top-up: [waitForCredit] waits for its credit. The API may bound the
     * amount; the sandbox takes 1 to 10,000.
     *
     * ```kotlin
     * val job = try {
     *     client.video.generate("a red kite", idempotencyKey = "order-1")
     * } catch (error: InfraiException.PaymentRequired) {
     *     val before = client.account.balance().balanceUsd
     *     println("pay at ${client.account.topup(20.0).nextActionUrl}")
     *     client.account.waitForCredit(before + 20)
     *     client.video.generate("a red kite", idempotencyKey = "order-1")
     * }
     * ```
     *
     * @param amountUsd amount in US dollars, more than 0.
     * @param returnUrl the http(s) URL that the payment page leads back to. Default: none.
     * @param idempotencyKey 1 to 255 visible ASCII characters. Default: a new one per call.
     * @throws InfraiException.InvalidRequest if the amount is not a positive number or the URL is not http(s).
     */
    @JvmOverloads
    public suspend fun topup(amountUsd: Double, returnUrl: String? = null, idempotencyKey: String? = null): TopupRecord {
        val options = options("return_url" to returnUrl, "idempotency_key" to idempotencyKey)
        return TopupRecord(client.call { it.topup(amountUsd, options.text, null) })
    }

    /**
     * Waits until the balance is at least [minUsd], and returns it. Polls `GET /v1/account/balance`: the first pause between
     * two polls is 1 second, the longest 15 seconds. Cancelling the coroutine ends the wait.
     *
     * @param minUsd balance in US dollars, more than 0.
     * @param timeout timeout of the wait, which polls once more before it ends. `null`: no limit. Default: 30 minutes.
     * @throws InfraiException.InvalidRequest if the amount is not a positive number.
     * @throws InfraiException.WaitTimeout if the timeout passed. A payment that was started may still arrive.
     */
    @JvmOverloads
    @JvmName("waitForCredit")
    public suspend fun waitForCredit(minUsd: Double, timeout: Duration? = Video.DEFAULT_TIMEOUT): Balance {
        val options = options("timeout" to waitTimeout(timeout))
        return Balance(client.call { it.waitForCredit(minUsd, options.text, null) })
    }
}

/**
 * Balance of the account.
 *
 * @property balanceUsd balance in US dollars.
 * @property currency currency of the account, usually `USD`.
 * @property metadata metadata of the response.
 * @property json all fields that the API sent, as JSON text.
 */
public class Balance internal constructor(
    public val balanceUsd: Double,
    public val currency: String?,
    public val metadata: Metadata,
    public val json: String,
) {
    internal constructor(native: NativeBalance) :
        this(native.balanceUsd, native.currency, Metadata(native.metadata), native.toJson())

    override fun toString(): String = "Balance($balanceUsd USD)"
}

/**
 * A top-up as the API recorded it.
 *
 * @property topupId id of the top-up.
 * @property amountUsd amount in US dollars.
 * @property state state when the API answered: `pending` until a person has paid; any other is the API's.
 * @property nextActionUrl URL of the page on which a person pays this top-up. The checkout URL of a 402 is the account's page
 *   instead, for any amount.
 * @property metadata metadata of the response.
 * @property json all fields that the API sent, as JSON text.
 */
public class TopupRecord internal constructor(
    public val topupId: String,
    public val amountUsd: Double?,
    public val state: String?,
    public val nextActionUrl: String?,
    public val metadata: Metadata,
    public val json: String,
) {
    internal constructor(native: NativeTopup) : this(
        native.topupId, native.amountUsd, native.state, native.nextActionUrl, Metadata(native.metadata), native.toJson(),
    )

    override fun toString(): String = "TopupRecord($topupId, $amountUsd USD, $state)"
}

/**
 * An account and its key.
 *
 * @property accountId id of the account.
 * @property projectId id of the account's project.
 * @property primaryApiKey key of the project. Never log it.
 * @property keyHint the key's redacted form: `ifr_pk_proj_…abcd`.
 * @property trialCreditUsd trial credit in US dollars. `null` if the key [isReused], or with an [existingProfile].
 * @property checkoutUrl URL of the page that adds credit. `null` if the key [isReused].
 * @property isReused whether the profile already had a key, so that the client sent nothing.
 * @property existingProfile another profile of this origin with a key of the same account: a device has one account per
 * origin, with one balance.
 * @property profile name of the profile.
 * @property credentialsFile the credentials file that holds the key. `null` if another store or no store holds it.
 * @property metadata metadata of the response.
 */
public class Activation internal constructor(
    public val accountId: String?,
    public val projectId: String?,
    public val primaryApiKey: String,
    public val keyHint: String,
    public val trialCreditUsd: Double?,
    public val checkoutUrl: String?,
    public val isReused: Boolean,
    public val existingProfile: String?,
    public val profile: String,
    public val credentialsFile: String?,
    public val metadata: Metadata,
    private val json: String,
) {
    internal constructor(native: NativeActivation) : this(
        native.accountId, native.projectId, native.primaryApiKey, native.keyHint(), native.trialCreditUsd,
        native.checkoutUrl, native.reused, native.existingProfile, native.profile, native.credentialsFile, Metadata(native.metadata),
        native.toJson(),
    )

    /** Returns all fields that the API sent, as JSON text. It contains the key. */
    public fun toJson(): String = json

    override fun toString(): String = "Activation(account=$accountId, project=$projectId, key=$keyHint)"
}

/**
 * Response to a request; see [InfraiClient.request].
 *
 * @property status HTTP status.
 * @property json data of the envelope, or the whole body if there is no envelope, as JSON text.
 * @property metadata metadata of the envelope.
 */
public class ApiResponse internal constructor(
    public val status: Int,
    public val json: String,
    public val metadata: Metadata,
) {
    internal constructor(native: NativeResponse) : this(native.status.toInt(), native.data, Metadata(native.metadata))

    override fun toString(): String = "ApiResponse($status)"
}
