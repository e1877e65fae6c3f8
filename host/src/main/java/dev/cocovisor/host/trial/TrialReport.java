package dev.cocovisor.host.trial;

import dev.cocovisor.host.finding.FindingCode;
import dev.cocovisor.host.finding.PluginFinding;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A list of findings as a file: a trial's report, and a verdict that is kept. */
final class TrialReport {
  private static final int MAGIC = 0xC0C0_0001;
  private static final int END = 0x0E17D;
  private static final int MOST_BYTES = 1 << 20;
  private static final int MOST_FINDINGS = 1000;

  private TrialReport() {}

  /** Writes a report; it is there as a whole or not at all. */
  static void write(Path file, List<PluginFinding> findings) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeInt(MAGIC);
      out.writeInt(findings.size());
      for (PluginFinding f : findings) {
        out.writeUTF(f.code().name());
        out.writeUTF(f.subject());
        out.writeUTF(f.what());
        out.writeUTF(f.why());
        out.writeUTF(f.mend());
        out.writeInt(f.available().size());
        for (String a : f.available()) {
          out.writeUTF(a);
        }
      }
      out.writeInt(END);
    }
    Path fresh = file.resolveSibling(file.getFileName() + "." + ProcessHandle.current().pid());
    Files.write(fresh, bytes.toByteArray());
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  /** Reads a report; null if there is none, or none that is whole. */
  static @Nullable List<PluginFinding> read(Path file) {
    try {
      if (!Files.isRegularFile(file) || Files.size(file) > MOST_BYTES) {
        return null;
      }
      try (DataInputStream in =
          new DataInputStream(new ByteArrayInputStream(Files.readAllBytes(file)))) {
        if (in.readInt() != MAGIC) {
          return null;
        }
        List<PluginFinding> findings = new ArrayList<>();
        for (int n = count(in); n > 0; n--) {
          findings.add(
              new PluginFinding(
                  FindingCode.valueOf(in.readUTF()),
                  in.readUTF(),
                  in.readUTF(),
                  in.readUTF(),
                  in.readUTF(),
                  texts(in)));
        }
        return in.readInt() == END ? findings : null;
      }
    } catch (IOException | IllegalArgumentException e) {
      return null; // another version's, or cut short
    }
  }

  private static List<String> texts(DataInputStream in) throws IOException {
    List<String> texts = new ArrayList<>();
    for (int n = count(in); n > 0; n--) {
      texts.add(in.readUTF());
    }
    return texts;
  }

  private static int count(DataInputStream in) throws IOException {
    int n = in.readInt();
    if (n < 0 || n > MOST_FINDINGS) {
      throw new IOException("no count");
    }
    return n;
  }
}
