package dev.cocovisor.cli;

import dev.cocovisor.cli.find.PluginOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * The commit the program was built from: of a checkout the one that is checked out, of a package
 * the one that its file {@code COMMIT} names.
 */
final class Commit {
  private static final int SHOWN = 12;

  private Commit() {}

  /** Returns {@code ", commit 0123456789ab"}; empty where nothing says so. */
  static String text() {
    String commit = of(PluginOptions.root());
    return commit.isEmpty()
        ? ""
        : ", commit " + commit.substring(0, Math.min(SHOWN, commit.length()));
  }

  /** Returns the commit of a folder; empty where nothing says so. */
  static String of(Path root) {
    try {
      Path file = root.resolve("COMMIT");
      return Files.isRegularFile(file) ? Files.readString(file).strip() : checkedOut(root);
    } catch (IOException e) {
      return "";
    }
  }

  private static String checkedOut(Path root) throws IOException {
    Path git = root.resolve(".git");
    if (Files.isRegularFile(git)) {
      // A work tree beside another: the file says where its folder is.
      git = root.resolve(Files.readString(git).strip().replaceFirst("^gitdir: *", ""));
    }
    if (!Files.isRegularFile(git.resolve("HEAD"))) {
      return "";
    }
    String head = Files.readString(git.resolve("HEAD")).strip();
    if (!head.startsWith("ref: ")) {
      return head;
    }
    String ref = head.substring(5);
    Path common = git.resolve("commondir");
    Path refs = Files.isRegularFile(common) ? git.resolve(Files.readString(common).strip()) : git;
    for (Path folder : List.of(git, refs)) {
      if (Files.isRegularFile(folder.resolve(ref))) {
        return Files.readString(folder.resolve(ref)).strip();
      }
    }
    Path packed = refs.resolve("packed-refs");
    if (Files.isRegularFile(packed)) {
      for (String line : Files.readAllLines(packed)) {
        if (line.endsWith(" " + ref)) {
          return line.substring(0, line.indexOf(' '));
        }
      }
    }
    return "";
  }
}
