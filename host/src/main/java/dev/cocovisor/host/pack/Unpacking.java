package dev.cocovisor.host.pack;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.Enumeration;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * Unpacks plugin zips into {@code .unpacked/} beside them, in a folder named after the content, so
 * that a package is unpacked once and a changed one never meets leftovers of the old.
 */
public final class Unpacking {
  private Unpacking() {}

  /** Tells whether an entry's name leads outside the folder it is unpacked into. */
  static boolean escapes(String entry) {
    if (entry.startsWith("/") || entry.indexOf('\\') >= 0 || entry.indexOf(':') >= 0) {
      return true;
    }
    int depth = 0;
    for (String part : entry.split("/", -1)) {
      depth += part.equals("..") ? -1 : part.isEmpty() || part.equals(".") ? 0 : 1;
      if (depth < 0) {
        return true;
      }
    }
    return false;
  }

  /** Returns the folder that holds the zip's content, unpacking it if it is not there yet. */
  public static Path unpack(Path zip) throws IOException {
    Path parent = zip.toAbsolutePath().getParent();
    if (parent == null || !Files.isWritable(parent)) {
      return unpackInto(Files.createTempDirectory("cocovisor-plugin"), zip);
    }
    String name = PluginPackage.nameOf(zip);
    Path base = Files.createDirectories(parent.resolve(".unpacked"));
    Path target =
        base.resolve(
            name.substring(0, name.length() - 4) + "-" + Digests.ofFile(zip).substring(0, 16));
    if (Files.isDirectory(target)) {
      return target;
    }
    Path fresh = unpackInto(Files.createTempDirectory(base, "unpacking"), zip);
    try {
      return Files.move(fresh, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (FileAlreadyExistsException | DirectoryNotEmptyException e) {
      delete(fresh); // another process was faster
      return target;
    }
  }

  private static Path unpackInto(Path folder, Path zip) throws IOException {
    try (ZipFile file = new ZipFile(zip.toFile())) {
      Enumeration<? extends ZipEntry> entries = file.entries();
      while (entries.hasMoreElements()) {
        ZipEntry entry = entries.nextElement();
        Path to = folder.resolve(entry.getName()).normalize();
        if (!to.startsWith(folder)) {
          throw new IOException("entry '" + entry.getName() + "' leads outside the package");
        }
        if (entry.isDirectory()) {
          Files.createDirectories(to);
        } else {
          Path parent = to.getParent();
          if (parent != null) {
            Files.createDirectories(parent);
          }
          try (InputStream in = file.getInputStream(entry)) {
            Files.copy(in, to);
          }
        }
      }
    }
    return folder;
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path p : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(p);
      }
    }
  }
}
