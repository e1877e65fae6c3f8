package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The launcher's choice of a JDK, in a tree that has nothing to build. */
class LauncherTest {
  @TempDir Path dir;

  private record Ran(int code, String text) {}

  /** Runs the launcher with nothing but the given variables and the system's commands. */
  private Ran launch(Map<String, String> env) throws Exception {
    return launch(env, "backends");
  }

  private Ran launch(Map<String, String> env, String command) throws Exception {
    Path script = dir.resolve("cocovisor");
    if (!Files.exists(script)) {
      Files.copy(Path.of(System.getProperty("cocovisor.root"), "cocovisor"), script);
      Files.createDirectories(dir.resolve("jvm"));
      Files.createDirectories(dir.resolve("target/launcher/lib"));
      Files.createFile(dir.resolve("target/launcher/stamp"));
    }
    var builder = new ProcessBuilder("bash", script.toString(), command);
    builder.redirectErrorStream(true);
    builder.environment().clear();
    builder.environment().put("PATH", commands().toString());
    builder.environment().put("COCOVISOR_JVM_DIR", dir.resolve("jvm").toString());
    builder.environment().put("COCOVISOR_NO_BUILD", "1");
    builder.environment().putAll(env);
    Process p = builder.start();
    String text = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Ran(p.waitFor(), text);
  }

  /** A PATH without any java. */
  private Path commands() throws IOException {
    Path bin = Files.createDirectories(dir.resolve("bin"));
    for (String command :
        new String[] {"bash", "readlink", "cat", "sed", "find", "mkdir", "head"}) {
      for (String at : new String[] {"/bin/", "/usr/bin/"}) {
        if (Files.exists(Path.of(at + command)) && !Files.exists(bin.resolve(command))) {
          Files.createSymbolicLink(bin.resolve(command), Path.of(at + command));
        }
      }
    }
    return bin;
  }

  /** A JDK that only says who it is. */
  private Path jdk(String folder, String version) throws IOException {
    Path home = dir.resolve(folder);
    Path java = home.resolve("bin/java");
    Files.createDirectories(home.resolve("bin"));
    Files.writeString(java, "#!/bin/bash\necho ran " + version + "\n");
    assertThat(java.toFile().setExecutable(true)).isTrue();
    Files.writeString(home.resolve("release"), "JAVA_VERSION=\"" + version + "\"\n");
    return home;
  }

  @Test
  void withoutAnyJdkOneLineSaysWhatIsMissing() throws Exception {
    Ran ran = launch(Map.of());
    assertThat(ran.text())
        .isEqualTo(
            "cocovisor: needs a JDK 25 or newer and found none;"
                + " install one or set COCOVISOR_JAVA to its folder\n");
    assertThat(ran.code()).isEqualTo(3);
  }

  @Test
  void jdksThatAreTooOldAreNamed() throws Exception {
    Path old = jdk("jvm/java-17", "17.0.15");
    jdk("jvm/java-8", "1.8.0_402");
    assertThat(launch(Map.of("JAVA_HOME", old.toString())).text()).contains("found only 17, 8;");
  }

  @Test
  void aJdkIsFoundWhereverItIs() throws Exception {
    Path old = jdk("jvm/a-17", "17.0.15");
    jdk("jvm/b-25", "25.0.3");
    assertThat(launch(Map.of()).text()).isEqualTo("ran 25.0.3\n");
    assertThat(launch(Map.of("JAVA_HOME", old.toString())).text()).isEqualTo("ran 25.0.3\n");
    Path home = jdk("opt/26", "26");
    assertThat(launch(Map.of("JAVA_HOME", home.toString())).text()).isEqualTo("ran 26\n");
    Path chosen = jdk("opt/27", "27-ea");
    var env = new HashMap<>(Map.of("JAVA_HOME", home.toString()));
    env.put("COCOVISOR_JAVA", chosen.toString());
    assertThat(launch(env).text()).isEqualTo("ran 27-ea\n");
    env.put("COCOVISOR_JAVA", chosen.resolve("bin/java").toString());
    assertThat(launch(env).text()).isEqualTo("ran 27-ea\n");
  }

  @Test
  void whatMayNotBuildSaysSoWhereNothingIsBuilt() throws Exception {
    jdk("jvm/b-25", "25.0.3");
    assertThat(launch(Map.of()).code()).isZero();
    Files.delete(dir.resolve("target/launcher/lib"));
    Files.delete(dir.resolve("target/launcher/stamp"));
    Ran ran = launch(Map.of());
    assertThat(ran.text())
        .isEqualTo(
            "cocovisor: nothing is built yet and COCOVISOR_NO_BUILD=1 forbids building;"
                + " run it once without\n");
    assertThat(ran.code()).isEqualTo(3);
  }

  @Test
  void versionAndHelpNeedNoBuild() throws Exception {
    jdk("jvm/b-25", "25.0.3");
    assertThat(launch(Map.of()).code()).isZero();
    Files.delete(dir.resolve("target/launcher/lib"));
    Files.writeString(
        dir.resolve("pom.xml"), "<project>\n  <version>9.8.7</version>\n</project>\n");
    assertThat(launch(Map.of(), "-V").text()).isEqualTo("cocovisor 9.8.7 (not built yet)\n");
    Ran help = launch(Map.of(), "--help");
    assertThat(help.text()).startsWith("Usage: cocovisor [-hV] COMMAND\n");
    assertThat(help.code()).isZero();
  }

  @Test
  void whatMayNotBuildRunsWhatWasBuiltLastWhateverTheSourcesSay() throws Exception {
    jdk("jvm/b-25", "25.0.3");
    assertThat(launch(Map.of()).code()).isZero();
    Files.delete(dir.resolve("target/launcher/stamp"));
    assertThat(launch(Map.of()).text()).isEqualTo("ran 25.0.3\n");
  }
}
