package dev.cocovisor.host.pack;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Enumeration;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * Unpacks plugin zips into {@code .unpacked/} beside them, or into the user's cache where nothing
 * can be written beside them, in a folder named after the content: a package is unpacked once, and
 * a changed one never meets leftovers of the old.
 */
public final class Unpacking {
  private static final String FOLDER = ".unpacked";
  private static final String WORK = "unpacking";

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
    Path base = base(zip);
    Path target = base.resolve(unpackedName(zip));
    if (Files.isDirectory(target)) {
      return target;
    }
    Path fresh = UserCache.fresh(base, WORK);
    try {
      unpackInto(fresh, zip);
      return move(fresh, target);
    } finally {
      UserCache.delete(fresh);
    }
  }

  private static Path move(Path fresh, Path target) throws IOException {
    try {
      return Files.move(fresh, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (FileAlreadyExistsException | DirectoryNotEmptyException e) {
      return target; // another process was faster
    }
  }

  /** Removes what was unpacked of a zip that is not to be used. */
  public static void forget(Path zip) {
    Path base = base(zip);
    try {
      UserCache.delete(base.resolve(unpackedName(zip)));
      Files.deleteIfExists(base);
    } catch (DirectoryNotEmptyException e) {
      // Others are unpacked there.
    } catch (IOException e) {
      // Found again under the same name and never loaded without a verdict: it only takes room.
    }
  }

  /**
   * Removes from a plugin folder what killed processes left half unpacked, and what belongs to no
   * package any more.
   */
  static void sweep(Path folder, List<Path> packages) {
    Path base = folder.resolve(FOLDER);
    UserCache.sweep(base, WORK);
    if (!Files.isDirectory(base) || !Files.isWritable(base)) {
      return;
    }
    try (Stream<Path> unpacked = Files.list(base)) {
      for (Path p : unpacked.toList()) {
        String name = PluginPackage.nameOf(p);
        boolean known = packages.stream().anyMatch(z -> name.startsWith(stem(z) + "-"));
        if (!known && name.matches(".*-[0-9a-f]{16}")) {
          UserCache.delete(p);
        }
      }
    } catch (IOException e) {
      // Another process sweeps, or still uses it: the next one will find it.
    }
  }

  private static Path base(Path zip) {
    Path parent = zip.toAbsolutePath().getParent();
    return parent != null && Files.isWritable(parent)
        ? parent.resolve(FOLDER)
        : UserCache.folder().resolve("unpacked");
  }

  private static String unpackedName(Path zip) {
    return stem(zip) + "-" + Digests.ofFile(zip).substring(0, 16);
  }

  private static String stem(Path zip) {
    String name = PluginPackage.nameOf(zip);
    return name.endsWith(".zip") ? name.substring(0, name.length() - 4) : name;
  }

  /**
   * Makes the folders an entry lies in.
   *
   * @return whether it is a file that is to be written
   * @throws IOException if another entry is a file where this one needs a folder, or the reverse
   */
  private static boolean madeWay(ZipEntry entry, Path to) throws IOException {
    Path parent = entry.isDirectory() ? to : to.getParent();
    try {
      if (parent != null) {
        Files.createDirectories(parent);
      }
    } catch (FileSystemException e) {
      throw new IOException(
          "entry '" + entry.getName() + "' needs a folder where another entry is a file", e);
    }
    if (!entry.isDirectory() && Files.exists(to)) {
      throw new IOException(
          "entry '" + entry.getName() + "' is there already, as a folder or file");
    }
    return !entry.isDirectory();
  }

  private static void unpackInto(Path folder, Path zip) throws IOException {
    long left = PackageLimits.unpacked(Files.size(zip));
    byte[] buffer = new byte[1 << 16];
    try (ZipFile file = new ZipFile(zip.toFile())) {
      Enumeration<? extends ZipEntry> entries = file.entries();
      while (entries.hasMoreElements()) {
        ZipEntry entry = entries.nextElement();
        Path to = folder.resolve(entry.getName()).normalize();
        if (!to.startsWith(folder)) {
          throw new IOException("entry '" + entry.getName() + "' leads outside the package");
        }
        if (!madeWay(entry, to)) {
          continue;
        }
        // What an entry says of its size may be a lie: what comes out counts.
        try (InputStream in = file.getInputStream(entry);
            OutputStream out = Files.newOutputStream(to)) {
          for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
            left -= n;
            if (left < 0) {
              throw new IOException("it unpacks to more than its size allows");
            }
            out.write(buffer, 0, n);
          }
        }
      }
    }
  }
}
