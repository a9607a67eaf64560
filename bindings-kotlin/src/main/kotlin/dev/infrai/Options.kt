package dev.infrai

import java.nio.file.Path
import kotlin.time.Duration
import kotlin.time.DurationUnit

// Options as JSON text for the native half.

/** A value as JSON text. */
internal class Json(val text: String) {
    companion object {
        val NULL: Json = Json("null")
    }
}

/** The value of a wait's timeout: no limit, or a duration. */
internal fun waitTimeout(timeout: Duration?): Any = timeout?.takeIf { it != Duration.INFINITE } ?: Json.NULL

/**
 * Returns a set of options by their names in the core. An option that is `null` is left out, so that it has its default.
 * Errors name the options below [place].
 */
internal fun options(vararg options: Pair<String, Any?>, place: String = ""): Json =
    Json(StringBuilder().apply { members(place, options.asIterable()) }.toString())

private fun StringBuilder.members(place: String, members: Iterable<Pair<String, Any?>>) {
    var separator = '{'
    for ((name, value) in members) {
        if (value == null) continue
        append(separator).quoted(checked(place.trimEnd('.'), name)).append(':')
        value("$place$name", value)
        separator = ','
    }
    append(if (separator == '{') "{}" else "}")
}

private fun StringBuilder.value(field: String, value: Any) {
    when (value) {
        is Json -> append(value.text)
        is String -> quoted(checked(field, value))
        // JSON has no other numbers; the core refuses their text by the option's name.
        is Double -> if (value.isFinite()) append(value) else quoted(value.toString())
        is Duration -> value(field, value.toDouble(DurationUnit.SECONDS))
        is Path -> quoted(file(field, value))
        is Map<*, *> -> members("$field.", value.map { (name, member) -> name.toString() to member })
        is List<*> -> value.joinTo(this, ",", "[", "]") { item -> StringBuilder().apply { value(field, item ?: Json.NULL) } }
        is Pair<*, *> -> value(field, value.toList())
        else -> append(value)
    }
}

private fun StringBuilder.quoted(text: String): StringBuilder {
    append('"')
    for (unit in text) {
        when {
            unit == '"' || unit == '\\' -> append('\\').append(unit)
            unit < ' ' -> append("\\u%04x".format(unit.code))
            else -> append(unit)
        }
    }
    return append('"')
}

/** Returns the path of a file that the native half can open. */
internal fun file(field: String, path: Path): String = try {
    checked(field, path.toFile().path)
} catch (_: UnsupportedOperationException) {
    throw refusal(field, "a path of the file system ${path.fileSystem.provider().scheme}", "a path of the machine's own files")
}

/** Returns the text. Refuses half of a surrogate pair, which UTF-8 cannot carry. */
internal fun checked(field: String, text: String): String {
    var at = 0
    while (at < text.length) {
        val unit = text[at]
        at += when {
            !unit.isSurrogate() -> 1
            unit.isHighSurrogate() && at + 1 < text.length && text[at + 1].isLowSurrogate() -> 2
            // Without the text, which may be a key.
            else -> throw refusal(field, "a string that has half of a surrogate pair", "text of whole characters")
        }
    }
    return text
}
