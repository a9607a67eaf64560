package dev.infrai

import dev.infrai.internal.core.ActivateResult as NativeActivation
import dev.infrai.internal.core.ApiResponse as NativeResponse
import dev.infrai.internal.core.Balance as NativeBalance
import dev.infrai.internal.core.TopupRecord as NativeTopup

/** The account's calls; see [InfraiClient.account]. */
public class Account internal constructor(private val client: InfraiClient) {
    /** What is left on the account: `GET /v1/account/balance`. */
    public suspend fun balance(): Balance = Balance(client.call { it.balance(null) })

    /**
     * Adds to the account: `POST /v1/account/topup`. The record's [TopupRecord.nextActionUrl] is where to pay.
     *
     * @param amountUsd how much, in US dollars.
     * @param returnUrl where the payment page leads back to.
     * @param idempotencyKey 1 to 255 visible ASCII characters. Default: a fresh one.
     * @throws InfraiException.InvalidRequest for an amount that is no positive number, or a URL that is not http(s).
     */
    @JvmOverloads
    public suspend fun topup(amountUsd: Double, returnUrl: String? = null, idempotencyKey: String? = null): TopupRecord {
        val options = options("return_url" to returnUrl, "idempotency_key" to idempotencyKey)
        return TopupRecord(client.call { it.topup(amountUsd, options.text, null) })
    }
}

/**
 * What is left on the account.
 *
 * @property balanceUsd in US dollars.
 * @property currency the currency the account is kept in, usually `USD`.
 * @property metadata what the response said about itself.
 * @property json everything the API sent, as JSON text.
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
 * @property topupId the top-up's id.
 * @property amountUsd how much, in US dollars.
 * @property state where it stands, as the API wrote it.
 * @property nextActionUrl where to go to complete the payment.
 * @property metadata what the response said about itself.
 * @property json everything the API sent, as JSON text.
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
 * An account, and the key for it.
 *
 * @property accountId the account.
 * @property projectId its project.
 * @property primaryApiKey the project's key, a secret. [keyHint] is the form that may be shown.
 * @property keyHint the key's form that may be shown: `ifr_pk_proj_…abcd`.
 * @property trialCreditUsd what the trial credit is, in US dollars; not known when nothing was sent.
 * @property checkoutUrl where to add credit; not known when nothing was sent.
 * @property isReused whether the profile already had a key, so that nothing was sent.
 * @property profile the profile's name.
 * @property credentialsFile the file that holds the key, if one does.
 * @property metadata what the response said about itself.
 */
public class Activation internal constructor(
    public val accountId: String?,
    public val projectId: String?,
    public val primaryApiKey: String,
    public val keyHint: String,
    public val trialCreditUsd: Double?,
    public val checkoutUrl: String?,
    public val isReused: Boolean,
    public val profile: String,
    public val credentialsFile: String?,
    public val metadata: Metadata,
    private val json: String,
) {
    internal constructor(native: NativeActivation) : this(
        native.accountId, native.projectId, native.primaryApiKey, native.keyHint(), native.trialCreditUsd,
        native.checkoutUrl, native.reused, native.profile, native.credentialsFile, Metadata(native.metadata), native.toJson(),
    )

    /** Everything the API sent, as JSON text, the key itself included. */
    public fun toJson(): String = json

    override fun toString(): String = "Activation(account=$accountId, project=$projectId, key=$keyHint)"
}

/**
 * What an API call answered; see [InfraiClient.request].
 *
 * @property status the HTTP status.
 * @property json the envelope's data, or the whole body where there was no envelope, as JSON text.
 * @property metadata the envelope's metadata.
 */
public class ApiResponse internal constructor(
    public val status: Int,
    public val json: String,
    public val metadata: Metadata,
) {
    internal constructor(native: NativeResponse) : this(native.status.toInt(), native.data, Metadata(native.metadata))

    override fun toString(): String = "ApiResponse($status)"
}
