package dev.infrai

import dev.infrai.internal.core.ActivateResult as NativeActivation
import dev.infrai.internal.core.ApiResponse as NativeResponse
import dev.infrai.internal.core.Balance as NativeBalance
import dev.infrai.internal.core.TopupRecord as NativeTopup

/** Methods of the account; see [InfraiClient.account]. */
public class Account internal constructor(private val client: InfraiClient) {
    /** Returns the balance: `GET /v1/account/balance`. */
    public suspend fun balance(): Balance = Balance(client.call { it.balance(null) })

    /**
     * Starts a payment that adds credit: `POST /v1/account/topup`. The caller completes it at the result's
     * [TopupRecord.nextActionUrl].
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
 * @property state state of the payment, in the API's spelling.
 * @property nextActionUrl URL of the page that completes the payment.
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
