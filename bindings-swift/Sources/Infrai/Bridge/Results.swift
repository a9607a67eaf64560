// What the native surface gives, as what people see.

import Foundation
internal import InfraiNative

extension VideoJob {
    init(_ native: NativeJob, of client: InfraiClient?) {
        self.init(
            jobID: native.jobId, state: VideoState(rawValue: native.stateText), videoURL: native.videoUrl.flatMap { URL(string: $0) },
            thumbnailURL: native.thumbnailUrl.flatMap { URL(string: $0) }, error: native.error.map(JobError.init),
            progress: native.progress, metadata: Metadata(native.metadata), isTerminal: native.isTerminal, isSuccess: native.isSuccess,
            json: native.json, extraJSON: native.extraJson, client: client)
    }

    /// Reads a job as the API writes it.
    init(text: String) throws {
        do {
            self.init(try nativeJobFromJson(text: text), of: nil)
        } catch {
            throw publicError(error, of: nil)
        }
    }
}

extension JobError {
    init(_ native: NativeJobError) {
        self.init(code: native.code, message: native.message, raw: json(native.rawJson))
    }
}

extension Metadata {
    init(_ native: NativeMetadata) {
        self.init(
            costUSD: native.costUsd, latency: native.latencyMs.flatMap { Duration(clamping: $0 / 1000) }, vendor: native.vendor, cacheHit: native.cacheHit,
            requestID: native.requestId, json: native.json)
    }
}

extension CancelResult {
    init(_ native: NativeCancelResult) { self.init(ok: native.ok, metadata: Metadata(native.metadata)) }
}

extension Download {
    init(_ native: NativeDownload, of client: InfraiClient) {
        self.init(file: URL(fileURLWithPath: native.path), bytes: native.bytes, job: VideoJob(native.job, of: client))
    }
}

extension GenerateManyItem {
    init(_ native: NativeItem, of client: InfraiClient) {
        let result: Result<VideoJob, InfraiError> =
            if let job = native.job {
                .success(VideoJob(job, of: client))
            } else if let failure = native.failure {
                .failure(InfraiError(failure, of: client))
            } else {
                .failure(.fault("item \(native.index) has neither job nor error"))
            }
        self.init(index: Int(native.index), result: result)
    }
}

extension Balance {
    init(_ native: NativeBalance) {
        self.init(balanceUSD: native.balanceUsd, currency: native.currency, metadata: Metadata(native.metadata), json: native.json)
    }
}

extension TopupRecord {
    init(_ native: NativeTopup) {
        self.init(
            topupID: native.topupId, amountUSD: native.amountUsd, state: native.state,
            nextActionURL: native.nextActionUrl.flatMap { URL(string: $0) }, metadata: Metadata(native.metadata), json: native.json)
    }
}

extension ActivateResult {
    init(_ native: NativeActivation) {
        self.init(
            accountID: native.accountId, projectID: native.projectId, primaryAPIKey: native.primaryApiKey,
            trialCreditUSD: native.trialCreditUsd, checkoutURL: native.checkoutUrl.flatMap { URL(string: $0) }, reused: native.reused,
            credentialsFile: native.credentialsFile.map { URL(fileURLWithPath: $0) }, profile: native.profile,
            metadata: Metadata(native.metadata), json: native.json, keyHint: native.keyHint)
    }
}

extension APIResponse {
    init(_ native: NativeResponse) {
        self.init(status: Int(native.status), json: native.dataJson, metadata: Metadata(native.metadata))
    }
}

/// A JSON text of the native side, which is one.
func json(_ text: String) -> JSON { (try? JSON(text: text)) ?? .string(text) }
