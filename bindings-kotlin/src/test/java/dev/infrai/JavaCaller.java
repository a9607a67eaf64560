package dev.infrai;

import kotlin.coroutines.EmptyCoroutineContext;
import kotlinx.coroutines.BuildersKt;

/** A program in Java that makes a video: each suspend function takes a continuation, which runBlocking gives. */
final class JavaCaller {
    private JavaCaller() {}

    static String video(String key, String baseUrl) throws InterruptedException {
        try (InfraiClient client = InfraiClient.create(key, baseUrl)) {
            VideoJob job = BuildersKt.runBlocking(EmptyCoroutineContext.INSTANCE,
                (scope, continuation) -> client.getVideo().generate("a paper boat", continuation));
            VideoJob done = BuildersKt.runBlocking(EmptyCoroutineContext.INSTANCE,
                (scope, continuation) -> client.getVideo().wait(job, continuation));
            return done.getState() + " " + done.getVideoUrl();
        }
    }

    static String failure(String baseUrl) throws InterruptedException {
        try (InfraiClient client = InfraiClient.create("ifr_pk_proj_x", baseUrl)) {
            BuildersKt.runBlocking(EmptyCoroutineContext.INSTANCE,
                (scope, continuation) -> client.getAccount().balance(continuation));
            return "no failure";
        } catch (InfraiException.Authentication error) {
            return error.getCode();
        }
    }
}
