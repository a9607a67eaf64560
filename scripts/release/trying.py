"""Installs each package into an empty environment and makes the first call of its README there, against the sandbox."""

from __future__ import annotations

import email
import json
import os
import re
import shutil
import tarfile
import zipfile
from pathlib import Path

from release.machine import CARGO, ROOT, Failed, World, run, snippet, target_directory, venv, video
from release.versions import current


def python(wheel: Path, folder: Path, world: World) -> None:
    """A wheel in an empty environment."""
    interpreter = venv(folder / "venv")
    run(interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", wheel, quiet=True)
    first_call(interpreter, readme(wheel), folder, world)


def readme(wheel: Path) -> str:
    """What the package's page will show."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return str(email.message_from_bytes(archive.read(name)).get_payload(decode=True), "utf-8")  # type: ignore[arg-type]


def first_call(interpreter: Path, text: str, folder: Path, world: World) -> None:
    work = folder / "work"
    work.mkdir()
    (work / "first.py").write_text(snippet(text, "python"), encoding="utf-8")
    run(interpreter, "first.py", cwd=work, **world.environment(folder))
    video(work / "skyline.mp4")


def source(archive: Path, folder: Path, world: World) -> None:
    """The source distribution: built by pip away from the repository, with the crates that are here and no others."""
    interpreter = venv(folder / "venv")
    # A file that the archive lacks would be found in the repository's workspace if it were unpacked in there.
    if ROOT in folder.resolve().parents:
        raise Failed(f"{folder} is in the repository")
    # What is compiled of the registry's crates may be there already; everything of ours has another path and is built.
    more = {"CARGO_NET_OFFLINE": "true", "CARGO_TARGET_DIR": str(target_directory())}
    run(interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", archive, quiet=True, **more)
    with tarfile.open(archive) as tar:
        (name,) = (name for name in tar.getnames() if name.count("/") == 1 and name.endswith("/README.md"))
        text = tar.extractfile(name).read().decode()  # type: ignore[union-attr]
    first_call(interpreter, text, folder, world)


def command(wheel: Path, folder: Path, world: World) -> None:
    """The command's wheel: the README's lines, with a sandbox of the command's own."""
    interpreter = venv(folder / "venv")
    run(interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", wheel, quiet=True)
    lines = [line for line in snippet(readme(wheel), "sh").splitlines() if line.startswith("infrai ")]
    if not lines:
        raise Failed("the README shows no command")
    work = folder / "work"
    work.mkdir()
    path = os.pathsep.join([str(interpreter.parent), os.environ.get("PATH", "")])
    run("sh", "-ec", "\n".join(lines), cwd=work, **{**world.environment(folder), "INFRAI_BASE_URL": "", "PATH": path})
    video(work / "boat.mp4")
    told = run(interpreter.parent / "infrai", "--version", quiet=True)
    if current() not in told:
        raise Failed(f"the command says {told.strip()} and not {current()}")


def node(tarballs: list[Path], folder: Path, world: World) -> None:
    """The npm package and its platform's, in an empty project and without a registry."""
    project = folder / "project"
    project.mkdir()
    (project / "package.json").write_text('{ "private": true }\n', encoding="utf-8")
    run("npm", "install", "--offline", "--no-audit", "--no-fund", "--loglevel", "error", *tarballs, cwd=project, quiet=True)
    text = (project / "node_modules" / "@infrai" / "sdk" / "README.md").read_text(encoding="utf-8")
    (project / "first.mjs").write_text(snippet(text, "js"), encoding="utf-8")
    # This README's first call has a key already.
    run("node", "first.mjs", cwd=project, **{**world.environment(folder), "INFRAI_API_KEY": world.key})
    video(project / "skyline.mp4")


def rust(crates: list[Path], folder: Path, world: World) -> None:
    """The crate, unpacked, as the one dependency beside Tokio of an empty program."""
    (crate,) = (path for path in crates if re.fullmatch(r"infrai-\d.*\.crate", path.name))
    with tarfile.open(crate) as tar:
        # cargo's own work of a moment ago; Pythons before 3.12 know no filter for it.
        tar.extractall(folder)
    unpacked = folder / crate.name.removesuffix(".crate")
    project = folder / "project"
    (project / "src").mkdir(parents=True)
    dependencies = f'infrai = {{ path = "{unpacked.as_posix()}" }}\ntokio = {{ version = "1", features = ["full"] }}\n'
    # The workspace's profile, so that what is compiled already of the registry's crates need not be once more.
    profile = '[profile.dev]\ndebug = "line-tables-only"\n'
    (project / "Cargo.toml").write_text(f'[package]\nname = "first"\nversion = "0.0.0"\nedition = "2024"\n\n[dependencies]\n{dependencies}\n{profile}', encoding="utf-8")
    (project / "src" / "main.rs").write_text(snippet((unpacked / "README.md").read_text(encoding="utf-8"), "rust"), encoding="utf-8")
    # With the versions that are here, so that nothing is fetched.
    shutil.copy(ROOT / "Cargo.lock", project)
    run(CARGO, "build", "--offline", "--quiet", cwd=project, CARGO_TARGET_DIR=str(target_directory()))
    program = target_directory() / "debug" / ("first.exe" if os.name == "nt" else "first")
    run(program, cwd=project, **world.environment(folder))
    video(project / "skyline.mp4")


def kotlin(jar: Path, folder: Path, world: World) -> None:
    """The jar as the one dependency of an empty Maven project, from a repository of its own."""
    toolchain = ROOT / "scripts" / "toolchains" / "kotlin"
    repository = folder / "repository"
    here = Path.home() / ".m2" / "repository"
    if here.is_dir():
        # Links: nothing is fetched that is here, and nothing of ours is left there.
        shutil.copytree(here, repository, copy_function=os.link, ignore=lambda path, _: ["infrai"] if path.endswith(f"{os.sep}dev") else [])
    maven = [toolchain, "mvn", "--batch-mode", "--quiet", "--no-transfer-progress", f"-Dmaven.repo.local={repository}"]
    model = folder / "published.xml"
    with zipfile.ZipFile(jar) as archive:
        # Named, because older Mavens do not look into the jar for it.
        model.write_bytes(archive.read("META-INF/maven/dev.infrai/infrai/pom.xml"))
    run(*maven, "install:install-file", f"-Dfile={jar}", f"-DpomFile={model}", cwd=folder, quiet=True)
    project = folder / "project"
    (project / "src" / "main" / "kotlin").mkdir(parents=True)
    text = (ROOT / "bindings-kotlin" / "README.md").read_text(encoding="utf-8")
    (project / "src" / "main" / "kotlin" / "Main.kt").write_text(snippet(text, "kotlin"), encoding="utf-8")
    (project / "pom.xml").write_text(project_model(), encoding="utf-8")
    run(*maven, "compile", "dependency:build-classpath", f"-Dmdep.outputFile={project / 'classpath'}", cwd=project, quiet=True)
    path = os.pathsep.join([str(project / "target" / "classes"), (project / "classpath").read_text(encoding="utf-8").strip()])
    environment = world.environment(folder)
    # The JVM takes the home folder from the user's record and not from HOME.
    run(toolchain, "java", f"-Duser.home={environment['HOME']}", "-cp", path, "MainKt", cwd=project, **environment)
    video(project / "skyline.mp4")


def project_model() -> str:
    """An empty project's POM with the package in it; Kotlin is that of the package."""
    text = (ROOT / "bindings-kotlin" / "pom.xml").read_text(encoding="utf-8")
    kotlin_version = re.search(r"<kotlin\.version>(.*)</kotlin\.version>", text)
    dependency_plugin = re.search(r"<artifactId>maven-dependency-plugin</artifactId>\s*<version>(.*)</version>", text)
    assert kotlin_version is not None and dependency_plugin is not None
    return f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>example</groupId><artifactId>first</artifactId><version>1</version>
  <properties><project.build.sourceEncoding>UTF-8</project.build.sourceEncoding><kotlin.compiler.daemon>false</kotlin.compiler.daemon></properties>
  <dependencies><dependency><groupId>dev.infrai</groupId><artifactId>infrai</artifactId><version>{current()}</version></dependency></dependencies>
  <build>
    <sourceDirectory>src/main/kotlin</sourceDirectory>
    <plugins>
      <plugin>
        <groupId>org.jetbrains.kotlin</groupId><artifactId>kotlin-maven-plugin</artifactId><version>{kotlin_version[1]}</version>
        <executions><execution><goals><goal>compile</goal></goals></execution></executions>
      </plugin>
      <plugin><groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId><version>{dependency_plugin[1]}</version></plugin>
    </plugins>
  </build>
</project>
"""


def swift(folder: Path, world: World) -> None:
    """The package as a release's tag has it, as the one dependency of an empty program. On Linux there is no library to
    download: it is built from the checkout, and the linker is told where it lies, as whoever uses the package has to.
    """
    tag = folder / "infrai-sdk"
    tag.mkdir()
    run("sh", "-ec", 'git archive HEAD Package.swift bindings-swift examples/swift | tar -x -C "$TAG"', TAG=str(tag), quiet=True)
    run("scripts/release-swift", "--manifest", "https://example.org/Infrai.xcframework.zip", "0" * 64, tag / "Package.swift", quiet=True)
    run(CARGO, "build", "--locked", "--quiet", "--package", "infrai-uniffi", quiet=True)
    library = target_directory() / "debug"
    project = folder / "first"
    (project / "Sources").mkdir(parents=True)
    (project / "Package.swift").write_text(
        '// swift-tools-version: 6.0\nimport PackageDescription\nlet package = Package(name: "first", platforms: [.macOS(.v13)], '
        'dependencies: [.package(path: "../infrai-sdk")], targets: [.executableTarget(name: "first", '
        'dependencies: [.product(name: "Infrai", package: "infrai-sdk")], path: "Sources")])\n',
        encoding="utf-8",
    )
    text = (ROOT / "bindings-swift" / "README.md").read_text(encoding="utf-8")
    call = snippet(text, "swift", after="<!-- examples/swift/Quickstart.swift -->")
    (project / "Sources" / "main.swift").write_text(f"{call}\ntry await quickstart()\n", encoding="utf-8")
    environment = {**world.environment(folder), "LD_LIBRARY_PATH": str(library), "SWIFT_BIND": str(library.parent)}
    build = f"cd {json.dumps(str(project))} && swift build --quiet -Xlinker -L{library} && .build/debug/first"
    run(ROOT / "scripts" / "toolchains" / "swift", "sh", "-ec", build, **environment)
    video(project / "skyline.mp4")
