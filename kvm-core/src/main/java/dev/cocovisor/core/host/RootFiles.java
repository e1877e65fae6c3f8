package dev.cocovisor.core.host;

import dev.cocovisor.core.mem.PhysicalHost;
import dev.cocovisor.core.mm.MemFd;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The files of a process's root, a tmpfs without directories. They live as long as the process. */
final class RootFiles {
  private final PhysicalHost memory;
  private final Map<String, MemFd> files = new HashMap<>();

  RootFiles(PhysicalHost memory) {
    this.memory = memory;
  }

  /**
   * Opens a file.
   *
   * @param path absolute
   * @param create O_CREAT: an empty file is made where there is none
   * @return the file with a reference more; null where there is none
   */
  @Nullable MemFd open(String path, boolean create) {
    MemFd file = files.get(path);
    boolean inRoot = path.length() > 1 && path.lastIndexOf('/') == 0;
    if (file == null && create && inRoot) {
      file = new MemFd(memory, 0);
      files.put(path, file);
    }
    if (file != null) {
      file.acquire();
    }
    return file;
  }
}
