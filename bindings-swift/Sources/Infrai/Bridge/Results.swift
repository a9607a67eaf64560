// Conversion of the core's records.

import Foundation
internal import InfraiNative

extension VideoJob {
    /// Parses a job from the API's JSON.
    init(text: String) throws {
        do {
            self.init(native: try jobFromJson(text: text, language: .swift), client: nil)
        } catch {
            throw publicError(error, of: nil)
        }
    }
}

extension JobError {
    init(_ native: InfraiNative.JobError) {
        self.init(code: native.code, message: native.message, raw: json(native.raw))
    }
}

extension Metadata {
    init(_ native: InfraiNative.Metadata) {
        self.init(
            costUSD: native.costUsd, latency: native.latencyMs.flatMap { Duration(clamping: $0 / 1000) }, vendor: native.vendor, cacheHit: native.cacheHit,
            requestID: native.requestId, json: native.json)
    }
}

extension CancelResult {
    init(_ native: InfraiNative.CancelResult) { self.init(ok: native.ok, metadata: Metadata(native.metadata), json: native.toJson()) }
}

extension Download {
    init(_ native: InfraiNative.Download, of client: InfraiClient) {
        self.init(
            file: URL(fileURLWithPath: native.path), bytes: Int64(clamping: native.bytes), job: VideoJob(native: native.job, client: client))
    }
}

extension GenerateManyItem {
    init(_ native: InfraiNative.GenerateManyEvent, of client: InfraiClient) {
        let result: Result<VideoJob, InfraiError> =
            if let job = native.job {
                .success(VideoJob(native: job, client: client))
            } else {
                .failure(native.error.flatMap { publicError($0, of: client) as? InfraiError } ?? .fault("item \(native.index) has no outcome"))
            }
        let file = native.file.map {
            SavedVideo(file: URL(fileURLWithPath: $0.path), bytes: Int64(clamping: $0.bytes), downloaded: $0.downloaded)
        }
        self.init(index: Int(native.index), key: native.key, result: result, file: file)
    }
}

extension Balance {
    init(_ native: InfraiNative.Balance) {
        self.init(balanceUSD: native.balanceUsd, currency: native.currency, metadata: Metadata(native.metadata), json: native.toJson())
    }
}

extension TopupRecord {
    init(_ native: InfraiNative.TopupRecord) {
        self.init(
            topupID: native.topupId, amountUSD: native.amountUsd, state: native.state,
            nextActionURL: native.nextActionUrl.flatMap { URL(string: $0) }, metadata: Metadata(native.metadata), json: native.toJson())
    }
}

extension ActivateResult {
    init(_ native: InfraiNative.ActivateResult) {
        self.init(
            accountID: native.accountId, projectID: native.projectId, primaryAPIKey: native.primaryApiKey,
            trialCreditUSD: native.trialCreditUsd, checkoutURL: native.checkoutUrl.flatMap { URL(string: $0) }, reused: native.reused,
            existingProfile: native.existingProfile, credentialsFile: native.credentialsFile.map { URL(fileURLWithPath: $0) },
            profile: native.profile, metadata: Metadata(native.metadata), json: native.toJson(), keyHint: native.keyHint())
    }
}

extension Discovery {
    init(_ native: InfraiNative.Discovery) {
        self.init(
            capabilities: native.capabilities.map { Capability($0) }, metadata: Metadata(native.metadata), json: native.toJson())
    }
}

extension Capability {
    init(_ native: InfraiNative.Capability) {
        let billing = native.billing.map {
            Billing(isBillable: $0.isBillable, free: $0.free, unit: $0.unit, priceUSD: $0.priceUsd, currency: $0.currency)
        }
        self.init(
            id: native.id, method: native.method, path: native.path, summary: native.summary, available: native.available,
            regions: native.regions, vendors: native.vendors, billing: billing,
            parameters: native.parameters.map { Infrai.json($0) },
            errors: native.errors.map { CapabilityError(code: $0.code, retryable: $0.retryable) },
            examples: native.examples.map { Infrai.json($0) }, metadata: Metadata(native.metadata), json: native.toJson())
    }
}

extension APIResponse {
    init(_ native: ApiResponse) {
        self.init(status: Int(native.status), json: native.data, metadata: Metadata(native.metadata))
    }
}

/// Parses JSON text of the native side.
func json(_ text: String) -> JSON { (try? JSON(text: text)) ?? .string(text) }
