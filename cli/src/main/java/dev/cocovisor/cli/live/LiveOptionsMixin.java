package dev.cocovisor.cli.live;

import dev.cocovisor.api.VmType;
import dev.cocovisor.cli.find.Inputs;
import dev.cocovisor.cli.print.UsageException;
import dev.cocovisor.live.kvm.LiveOptions;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What the commands that run logs on this machine take. */
public final class LiveOptionsMixin {
  @Parameters(
      arity = "1..*",
      paramLabel = "LOG",
      description = "Logs, plain or packed by gzip; a folder means all it holds, - is stdin.")
  private List<Path> files = List.of();

  @Option(
      names = "--program",
      paramLabel = "N",
      defaultValue = "-1",
      showDefaultValue = CommandLine.Help.Visibility.ALWAYS,
      description = "Only program N of each log.")
  private int program;

  @Option(
      names = "--timeout",
      paramLabel = "SECONDS",
      defaultValue = "10",
      showDefaultValue = CommandLine.Help.Visibility.ALWAYS,
      description = "How long one call may take; then its program is ended and counted as hung.")
  private int timeout;

  @Option(
      names = "--as-type",
      paramLabel = "TYPE",
      defaultValue = "",
      showDefaultValue = CommandLine.Help.Visibility.ALWAYS,
      description =
          "Make VMs of this type whatever the log says, as KVM_X86_DEFAULT_VM where this kernel"
              + " has no other.")
  private String asType = "";

  @Option(names = "--json", description = "Print one JSON document.")
  private boolean json;

  boolean json() {
    return json;
  }

  List<Path> files() {
    return Inputs.files(files, name -> name.matches(".*\\.kvmlog(\\.gz)?"));
  }

  int program() {
    return program;
  }

  LiveOptions options() {
    if (timeout < 1 || timeout > 3600) {
      throw new UsageException("--timeout takes 1 to 3600 seconds");
    }
    return new LiveOptions(timeout * 1000, type());
  }

  private long type() {
    if (asType.isEmpty()) {
      return -1;
    }
    List<VmType> known = VmType.UAPI.stream().filter(t -> t.name().equals(asType)).toList();
    if (!known.isEmpty()) {
      return known.getFirst().number();
    }
    try {
      return Long.decode(asType);
    } catch (NumberFormatException e) {
      throw new UsageException(
          "--as-type="
              + asType
              + ": a number or one of "
              + String.join(", ", VmType.UAPI.stream().map(VmType::name).toList()));
    }
  }
}
