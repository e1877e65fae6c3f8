package dev.cocovisor.host;

import static dev.cocovisor.host.finding.FindingCode.ARCHIVE_TOO_LARGE;
import static dev.cocovisor.host.finding.FindingCode.BAD_DESCRIPTOR;
import static dev.cocovisor.host.finding.FindingCode.BROKEN_ZIP;
import static dev.cocovisor.host.finding.FindingCode.BUNDLED_API;
import static dev.cocovisor.host.finding.FindingCode.DOES_NOT_RETURN;
import static dev.cocovisor.host.finding.FindingCode.DOES_NOT_START;
import static dev.cocovisor.host.finding.FindingCode.DUPLICATE_BACKEND;
import static dev.cocovisor.host.finding.FindingCode.ENDS_THE_PROCESS;
import static dev.cocovisor.host.finding.FindingCode.MISSING_DEPENDENCY;
import static dev.cocovisor.host.finding.FindingCode.NO_PROVIDER;
import static dev.cocovisor.host.finding.FindingCode.PLUGIN_FAILS;
import static dev.cocovisor.host.finding.FindingCode.PRINTS_TO_STDOUT;
import static dev.cocovisor.host.finding.FindingCode.PROVIDER_FAILS;
import static dev.cocovisor.host.finding.FindingCode.REPLACES_STREAMS;
import static dev.cocovisor.host.finding.FindingCode.RESERVED_ID;
import static dev.cocovisor.host.finding.FindingCode.STARTS_THREADS;
import static dev.cocovisor.host.finding.FindingCode.TAKES_TOO_MUCH;
import static dev.cocovisor.host.finding.FindingCode.VM_TYPE_TAKEN;
import static dev.cocovisor.host.finding.FindingCode.WRITES_TO_STDOUT;
import static dev.cocovisor.host.finding.FindingCode.WRONG_API;
import static dev.cocovisor.host.finding.FindingCode.ZIP_SLIP;

import dev.cocovisor.host.finding.FindingCode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Packages that go wrong in every way we know, each with the finding it is to be told by. */
final class HostilePackages {
  /**
   * A package.
   *
   * @param name what it does
   * @param code what is found
   * @param make puts {@code evil.zip} into a folder
   */
  record Case(String name, FindingCode code, Consumer<Path> make) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static final String INFO =
      "return BackendInfo.builder(\"evil\", Architecture.X86_64).vmTypes(TYPE).build();";

  private HostilePackages() {}

  static List<Case> all() {
    return List.of(
        // What code does while it is loaded.
        code("exits in a static initialiser", ENDS_THE_PROCESS, "static { System.exit(0); }", INFO),
        code("exits with 42 in info", ENDS_THE_PROCESS, "", "System.exit(42);" + INFO),
        code("halts in info", ENDS_THE_PROCESS, "", "Runtime.getRuntime().halt(0);" + INFO),
        code(
            "halts as a trial ends", ENDS_THE_PROCESS, "", "Runtime.getRuntime().halt(42);" + INFO),
        code(
            "exits a while later, on a thread",
            ENDS_THE_PROCESS,
            "",
            "Thread t = new Thread(() -> System.exit(1)); t.start(); while (true)"
                + " Thread.onSpinWait();"),
        code("kills its own process", ENDS_THE_PROCESS, "", "kill();" + INFO),
        code("never returns from info", DOES_NOT_RETURN, "", "while (true) Thread.onSpinWait();"),
        code("sleeps in a static initialiser", DOES_NOT_RETURN, "static { sleep(); }", INFO),
        code("waits for a lock for ever", DOES_NOT_RETURN, "", "deadlock();" + INFO),
        code(
            "catches what stops it",
            DOES_NOT_RETURN,
            "",
            "while (true) { try { sleep(); } catch (Throwable t) { } }"),
        code("throws an exception", PROVIDER_FAILS, "", "throw new IllegalStateException(\"no\");"),
        code("throws an Error", PROVIDER_FAILS, "", "throw new Error(\"no\");"),
        code("throws in a static initialiser", PROVIDER_FAILS, "static int x = 1 / zero();", INFO),
        code("overflows the stack", PROVIDER_FAILS, "", "return info();"),
        code("throws a ThreadDeath", PROVIDER_FAILS, "", "throw new ThreadDeath();"),
        code(
            "throws what cannot say why",
            PROVIDER_FAILS,
            "",
            "throw new RuntimeException() { public String getMessage() { throw new Error(); } };"),
        code("returns null", PROVIDER_FAILS, "", "return null;"),
        code(
            "takes all memory",
            TAKES_TOO_MUCH,
            "",
            "var l = new ArrayList<byte[]>();" + " while (true) l.add(new byte[1 << 20]);"),
        code("wants one large array", TAKES_TOO_MUCH, "", "long[] a = new long[1 << 30];" + INFO),
        code("fills the disk", TAKES_TOO_MUCH, "", "fill();" + INFO),
        code(
            "says who it is with an escape sequence",
            PROVIDER_FAILS,
            "",
            "return BackendInfo.builder(\"\\u001b[31m\", Architecture.X86_64).build();"),
        code(
            "describes itself in two lines",
            PROVIDER_FAILS,
            "",
            "return BackendInfo.builder(\"evil\","
                + " Architecture.X86_64).description(\"a\\nb\").build();"),
        code(
            "has a VM type with a bell in its name",
            PROVIDER_FAILS,
            "",
            "new VmType(\"\\u0007\", 9, Architecture.X86_64);" + INFO),
        code(
            "calls itself default",
            RESERVED_ID,
            "",
            "return BackendInfo.builder(\"default\", Architecture.X86_64).vmTypes(TYPE).build();"),
        code(
            "offers the kernel's own VM type",
            VM_TYPE_TAKEN,
            "",
            "return BackendInfo.builder(\"evil\", Architecture.X86_64)"
                + ".vmTypes(VmType.X86_DEFAULT).build();"),
        code(
            "offers the VM type of another technology",
            VM_TYPE_TAKEN,
            "",
            "return BackendInfo.builder(\"evil\", Architecture.X86_64)"
                + ".vmTypes(new VmType(\"MINE\", 5, Architecture.X86_64)).build();"),
        code(
            "is another technology",
            DUPLICATE_BACKEND,
            "",
            "return BackendInfo.builder(\"tdx\", Architecture.X86_64).vmTypes(TYPE).build();"),
        code("prints", PRINTS_TO_STDOUT, "", "System.out.println(\"\\u001b[2Jhello\");" + INFO),
        code("prints past System.out", WRITES_TO_STDOUT, "", "past();" + INFO),
        code("takes System.out away", REPLACES_STREAMS, "", "System.setOut(null);" + INFO),
        code(
            "starts a thread",
            STARTS_THREADS,
            "",
            "Thread t = new Thread(Evil::sleep, \"evil\\u001b[1m\"); t.setDaemon(true); t.start();"
                + INFO),
        platform("hangs in createPlatform", DOES_NOT_RETURN, "while (true) Thread.onSpinWait();"),
        platform("throws in createPlatform", PLUGIN_FAILS, "throw new IllegalStateException();"),
        platform("returns no platform", PLUGIN_FAILS, "return null;"),
        platform(
            "hangs in vmInit",
            DOES_NOT_RETURN,
            "return (vm, type) -> new VmOps() { public Errno vmInit() {"
                + " while (true) Thread.onSpinWait(); } };"),
        // What it registers.
        shop(
            "registers a String",
            NO_PROVIDER,
            s -> s.descriptor("evil").service("java.lang.String")),
        shop(
            "registers bytes that are no name",
            PROVIDER_FAILS,
            s -> s.descriptor("evil").service("\u0001 \u00ff!\"#$%&'()*+,-./")),
        shop(
            "registers what is not there",
            PROVIDER_FAILS,
            s -> s.descriptor("evil").service("a.B")),
        shop(
            "has a class of another Java",
            PROVIDER_FAILS,
            s -> honest(s).bytes("classes/evil/Evil.class", classOfVersion(999))),
        shop(
            "has half a class",
            PROVIDER_FAILS,
            s -> honest(s).bytes("classes/evil/Evil.class", new byte[] {(byte) 0xca, (byte) 0xfe})),
        shop("has no provider", NO_PROVIDER, s -> s.descriptor("evil")),
        shop(
            "brings the api",
            BUNDLED_API,
            s -> honest(s).entry("classes/dev/cocovisor/api/X.class", "")),
        shop(
            "has a plugin class that is none",
            DOES_NOT_START,
            s -> honest(s).descriptor("evil", "plugin.class=java.lang.Object")),
        // What it says of itself.
        shop("says nothing", BAD_DESCRIPTOR, s -> s.entry("plugin.properties", "")),
        shop("has no descriptor", BAD_DESCRIPTOR, s -> s.service("evil.Evil")),
        shop(
            "has an id with an escape sequence",
            BAD_DESCRIPTOR,
            s -> honest(s).descriptor("a\\u001b[31m")),
        shop("has an id that climbs", BAD_DESCRIPTOR, s -> honest(s).descriptor("../../evil")),
        shop(
            "has an id of 100,000 letters",
            BAD_DESCRIPTOR,
            s -> honest(s).descriptor("a".repeat(50_000))),
        shop(
            "has a version that is none",
            BAD_DESCRIPTOR,
            s -> s.entry("plugin.properties", "plugin.id=evil\nplugin.version=not a version\n")),
        shop(
            "requires a range that is none",
            WRONG_API,
            s -> honest(s).descriptor("evil", "plugin.requires=((((")),
        shop(
            "requires 500 KB of brackets",
            BROKEN_ZIP,
            s -> honest(s).descriptor("evil", "plugin.requires=" + "(".repeat(500_000))),
        shop(
            "requires many brackets",
            BAD_DESCRIPTOR,
            s -> honest(s).descriptor("evil", "plugin.requires=" + "(".repeat(190))),
        shop(
            "depends on itself",
            MISSING_DEPENDENCY,
            s -> honest(s).descriptor("evil", "plugin.dependencies=evil")),
        shop(
            "has a descriptor of 64 MiB",
            ARCHIVE_TOO_LARGE,
            s -> s.entry("plugin.properties", "#" + " ".repeat(64 << 20))),
        // What it is as an archive.
        shop("climbs out", ZIP_SLIP, s -> honest(s).entry("classes/../../evil.txt", "x")),
        shop("is absolute", ZIP_SLIP, s -> honest(s).entry("/tmp/evil.txt", "x")),
        shop("has a folder that climbs", ZIP_SLIP, s -> honest(s).entry("../", "")),
        shop(
            "climbs by backslashes",
            ZIP_SLIP,
            s -> honest(s).entry("classes\\..\\..\\evil.txt", "x")),
        shop("names a drive", ZIP_SLIP, s -> honest(s).entry("C:evil.txt", "x")),
        shop(
            "has a file where a folder is",
            ARCHIVE_TOO_LARGE,
            s -> honest(s).entry("classes/link", "/etc").entry("classes/link/x", "x")),
        shop(
            "has a name of 60,000 letters",
            ARCHIVE_TOO_LARGE,
            s -> honest(s).entry("a".repeat(60_000), "")),
        raw("is empty", BROKEN_ZIP, out -> {}),
        raw("is text", BROKEN_ZIP, out -> out.write("not a zip".getBytes(StandardCharsets.UTF_8))),
        raw("is cut short", BROKEN_ZIP, HostilePackages::cutShort),
        raw("unpacks to a gigabyte", ARCHIVE_TOO_LARGE, out -> bomb(out, 1)),
        raw("unpacks to many files", ARCHIVE_TOO_LARGE, HostilePackages::manyEntries),
        raw("has a jar that unpacks to a gigabyte", ARCHIVE_TOO_LARGE, HostilePackages::innerBomb));
  }

  /** Something written to a stream. */
  private interface Bytes {
    void to(OutputStream out) throws IOException;
  }

  private static Case code(String name, FindingCode code, String members, String info) {
    return shop(name, code, s -> evil(s, members, info, "return (vm, type) -> new VmOps() {};"));
  }

  private static Case platform(String name, FindingCode code, String body) {
    return shop(name, code, s -> evil(s, "", INFO, body));
  }

  private static Case shop(String name, FindingCode code, Consumer<PluginWorkshop> fill) {
    return new Case(
        name,
        code,
        folder -> {
          PluginWorkshop shop = new PluginWorkshop(folder);
          fill.accept(shop);
          shop.zip("evil.zip");
          shop.cleanUp();
        });
  }

  private static Case raw(String name, FindingCode code, Bytes bytes) {
    return new Case(
        name,
        code,
        folder -> {
          try (OutputStream out = Files.newOutputStream(folder.resolve("evil.zip"))) {
            bytes.to(out);
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        });
  }

  private static PluginWorkshop honest(PluginWorkshop shop) {
    return evil(shop, "", INFO, "return (vm, type) -> new VmOps() {};");
  }

  private static PluginWorkshop evil(
      PluginWorkshop shop, String members, String info, String platform) {
    return shop.descriptor("evil", "plugin.requires=*")
        .service("evil.Evil")
        .source(
            "evil.Evil",
            """
            package evil;
            import dev.cocovisor.api.*;
            import dev.cocovisor.api.ops.*;
            import java.util.*;
            public class Evil implements Backend {
              static final VmType TYPE = new VmType("EVIL_VM", 666, Architecture.X86_64);
              %s
              public Evil() {}
              @SuppressWarnings("all")
              public BackendInfo info() { %s }
              public Platform createPlatform(HostMachine host) { %s }
              static int zero() { return 0; }
              static void sleep() {
                try { Thread.sleep(1_000_000); } catch (InterruptedException e) { throw new Error(e); }
              }
              static void deadlock() {
                Thread t = Thread.currentThread();
                try { t.join(); } catch (InterruptedException e) { throw new Error(e); }
              }
              static void kill() {
                long pid = ProcessHandle.current().pid();
                try { new ProcessBuilder("kill", "-9", "" + pid).start().waitFor(); sleep(); }
                catch (Exception e) { throw new Error(e); }
              }
              static void past() {
                try {
                  new java.io.FileOutputStream(java.io.FileDescriptor.out).write("past".getBytes());
                } catch (java.io.IOException e) { throw new Error(e); }
              }
              static void fill() {
                try {
                  for (int i = 0; i < 10_000; i++) {
                    java.nio.file.Files.write(java.nio.file.Path.of("junk" + i), new byte[1 << 20]);
                  }
                } catch (java.io.IOException e) { throw new Error(e); }
              }
            }
            """
                .formatted(members, info, platform));
  }

  private static byte[] classOfVersion(int version) {
    return new byte[] {
      (byte) 0xca,
      (byte) 0xfe,
      (byte) 0xba,
      (byte) 0xbe,
      0,
      0,
      (byte) (version >> 8),
      (byte) version
    };
  }

  private static void cutShort(OutputStream out) throws IOException {
    ByteArrayOutputStream whole = new ByteArrayOutputStream();
    bomb(whole, 0);
    out.write(Arrays.copyOf(whole.toByteArray(), whole.size() / 2));
  }

  private static void bomb(OutputStream out, int gigabytes) throws IOException {
    ZipOutputStream zip = new ZipOutputStream(out);
    descriptor(zip);
    zip.putNextEntry(new ZipEntry("classes/zeros"));
    byte[] zeros = new byte[1 << 20];
    for (int i = 0; i < gigabytes << 10; i++) {
      zip.write(zeros);
    }
    zip.closeEntry();
    zip.finish();
  }

  private static void innerBomb(OutputStream out) throws IOException {
    ZipOutputStream zip = new ZipOutputStream(out);
    descriptor(zip);
    zip.putNextEntry(new ZipEntry("lib/bomb.jar"));
    bomb(zip, 1);
    zip.closeEntry();
    zip.finish();
  }

  private static void manyEntries(OutputStream out) throws IOException {
    ZipOutputStream zip = new ZipOutputStream(out);
    descriptor(zip);
    for (int i = 0; i < 60_000; i++) {
      zip.putNextEntry(new ZipEntry("classes/" + i));
      zip.closeEntry();
    }
    zip.finish();
  }

  private static void descriptor(ZipOutputStream zip) throws IOException {
    zip.putNextEntry(new ZipEntry("plugin.properties"));
    zip.write("plugin.id=evil\nplugin.version=1.0.0\n".getBytes(StandardCharsets.UTF_8));
    zip.closeEntry();
  }
}
