package dev.cocovisor.core.host;

/** What fstat tells about a file; filled by {@link KvmProcess#fstat}. */
public final class FileStat {
  long size;
  long blocks;
  long blksize;
  long inode;

  /** Creates an empty answer. */
  public FileStat() {}

  /** Returns st_size, in bytes. */
  public long size() {
    return size;
  }

  /** Returns st_blocks, in units of 512 bytes. */
  public long blocks() {
    return blocks;
  }

  /** Returns st_blksize, in bytes. */
  public long blksize() {
    return blksize;
  }

  /** Returns st_ino. */
  public long inode() {
    return inode;
  }
}
