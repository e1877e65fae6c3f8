package dev.cocovisor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The launchers' choice of a JDK and of what it is told, in trees that have nothing to build. */
class LauncherTest {
  @TempDir Path dir;

  private record Ran(int code, String text) {}

  /** Runs the launcher with nothing but the given variables and the system's commands. */
  private Ran launch(Map<String, String> env) throws Exception {
    return launch(env, "backends");
  }

  private Ran launch(Map<String, String> env, String... command) throws Exception {
    Path script = dir.resolve("cocovisor");
    if (!Files.exists(script)) {
      copy("cocovisor", script);
      copy("distribution/start.sh", dir.resolve("distribution/start.sh"));
      Files.createDirectories(dir.resolve("jvm"));
      Files.createDirectories(dir.resolve("target/launcher/lib"));
      Files.createFile(dir.resolve("target/launcher/stamp"));
    }
    return launch(env, "bash", script, command);
  }

  private static void copy(String file, Path to) throws IOException {
    Files.createDirectories(to.getParent());
    Files.copy(Path.of(System.getProperty("cocovisor.root"), file), to);
  }

  private Ran launch(Map<String, String> env, String shell, Path script, String... command)
      throws Exception {
    var line = new ArrayList<>(List.of(shell, script.toString()));
    line.addAll(List.of(command));
    var builder = new ProcessBuilder(line);
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
        new String[] {"bash", "sh", "readlink", "cat", "sed", "find", "mkdir", "head"}) {
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

  /** The folder of jars of an installation, with a jar in each of its class paths. */
  private static void jars(Path lib) throws IOException {
    Files.createDirectories(lib);
    for (String file : new String[] {"plain.jsa", "quick.jsa", "cocovisor.jsa", "backends"}) {
      Files.createFile(lib.resolve(file));
    }
    Files.writeString(lib.resolve("classpath"), "all.jar\n");
    Files.writeString(lib.resolve("quick.classpath"), "quick.jar\n");
  }

  /** What a JVM was told, without the folders in it and in the order of words. */
  private static Set<String> told(Ran ran) {
    var words = new TreeSet<String>();
    for (String word : ran.text().lines().toList()) {
      if (!word.startsWith("-Dcocovisor.root=")) {
        words.add(word.replaceAll("(?<=[=@]|^)/.*/", ""));
      }
    }
    return words;
  }

  @Test
  void bothLaunchersTellTheJvmTheSame() throws Exception {
    Path java = jdk("jvm/b-25", "25.0.3").resolve("bin/java");
    Files.writeString(java, "#!/bin/bash\nprintf '%s\\n' \"$@\"\n");
    jars(dir.resolve("target/launcher/lib"));
    Files.createFile(dir.resolve("target/launcher/stamp"));
    copy("cocovisor", dir.resolve("cocovisor"));
    copy("distribution/start.sh", dir.resolve("distribution/start.sh"));
    Path installed = dir.resolve("an installation");
    jars(installed.resolve("lib"));
    copy("distribution/src/bin/cocovisor", installed.resolve("bin/cocovisor"));
    copy("distribution/start.sh", installed.resolve("lib/start.sh"));

    String one = "-XX:TieredStopAtLevel=1";
    String opens = "java.base/java.lang=ALL-UNNAMED";
    for (String[] row :
        new String[][] {
          {"backends", "quick.jar", "plain.jsa", "@plain.options"},
          {"backends --json", "quick.jar", "quick.jsa", one},
          {"measure snp --ovmf x.fd --vcpus 2 --vcpu-type T", "quick.jar", "plain.jsa"},
          {"measure snp --ovmf x.fd --json", "quick.jar", "quick.jsa", one},
          {"measure --help", "quick.jar", "quick.jsa", one},
          {"run x.kvmlog", "all.jar", "cocovisor.jsa", one},
          {"", "all.jar", "cocovisor.jsa", one},
          {"replay x.kvmlog", "all.jar", "cocovisor.jsa"},
          {"explore x.kvmlog", "all.jar", "cocovisor.jsa", "--add-opens", opens},
        }) {
      String[] command = row[0].isEmpty() ? new String[0] : row[0].split(" ", -1);
      var env = Map.of("COCOVISOR_JAVA", java.toString(), "COCOVISOR_OPTS", "-Xmx8g -Da=b");
      Set<String> checkout = told(launch(env, "bash", dir.resolve("cocovisor"), command));
      Set<String> archive = told(launch(env, "sh", installed.resolve("bin/cocovisor"), command));
      assertThat(archive).as(row[0]).isEqualTo(checkout);
      var expected = new ArrayList<>(List.of(row).subList(3, row.length));
      expected.addAll(List.of(row[1], "-XX:SharedArchiveFile=" + row[2], "-Xmx8g", "-Da=b"));
      expected.addAll(List.of(command));
      assertThat(checkout).as(row[0]).containsAll(expected);
      assertThat(checkout.contains(one)).as(row[0]).isEqualTo(List.of(row).contains(one));
      assertThat(checkout.contains("@plain.options"))
          .as(row[0])
          .isEqualTo(row[2].equals("plain.jsa"));
    }
  }
}
