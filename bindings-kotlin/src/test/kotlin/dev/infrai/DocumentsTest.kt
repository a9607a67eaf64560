package dev.infrai

import java.io.File
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class DocumentsTest {
    private val compiled = listOf("../examples/kotlin", "src/test/java").flatMap { File(it).walk().filter(File::isFile).toList() }.map(::lines)

    private fun lines(file: File): List<String> = lines(file.readText())

    private fun lines(text: String): List<String> = text.lines().map(String::trim).filter(String::isNotEmpty)

    private fun holds(file: List<String>, block: List<String>): Boolean = file.windowed(block.size).any { it == block }

    @Test
    fun `every snippet of the documents is compiled, or says that it is not`() {
        val fence = Regex("""(<!-- not compiled: .+ -->\n)?```(kotlin|java)\n(.*?)```""", RegexOption.DOT_MATCHES_ALL)
        var found = 0
        for (document in listOf(File("README.md"), File("../docs/quickstart.md"))) {
            for (match in fence.findAll(document.readText())) {
                val (mark, _, code) = match.destructured
                if (mark.isNotEmpty()) continue
                found++
                assertTrue(compiled.any { holds(it, lines(code)) }) { "$document has a snippet that no compiled example holds:\n$code" }
            }
        }
        assertTrue(found >= 6) { "only $found snippets were found" }
    }

    @Test
    fun `everything public is documented`() {
        val undocumented = mutableListOf<String>()
        for (file in File("src/main/kotlin").walk().filter(File::isFile)) {
            val text = file.readText()
            val lines = text.lines().map(String::trim)
            lines.forEachIndexed { at, line ->
                if (!line.startsWith("public ")) return@forEachIndexed
                val property = Regex("""public val (\w+): .+,""").matchEntire(line)?.groupValues?.get(1)
                val documented = when (property) {
                    null -> lines.subList(0, at).last { !it.startsWith("@") }.endsWith("*/")
                    else -> "@property $property " in text
                }
                if (!documented) undocumented += "${file.name}: $line"
            }
        }
        assertEquals(emptyList<String>(), undocumented)
    }

    @Test
    fun `the jar carries the native library where JNA looks, and the rules for R8`() {
        val prefix = com.sun.jna.Platform.RESOURCE_PREFIX
        assertNotNull(javaClass.getResource("/$prefix/${System.mapLibraryName("infrai_ffi")}"))
        assertNotNull(javaClass.getResource("/META-INF/proguard/infrai.pro"))
    }
}
