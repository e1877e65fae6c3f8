package dev.cocovisor.core.gmem;

import dev.cocovisor.api.sched.ModelLock;

/** What every view of an inode's pages answers alike: guest_memfd's files and a memfile's views. */
abstract class InodeStore implements BackingStore {
  final GmemInode inode;

  InodeStore(GmemInode inode) {
    this.inode = inode;
  }

  @Override
  public long peek(long index) {
    return inode.peek(index);
  }

  @Override
  public boolean isPrivate(long index) {
    return inode.states().isPrivate(index);
  }

  @Override
  public boolean allAre(long start, long end, boolean isPrivate) {
    return inode.states().allAre(start, end, isPrivate);
  }

  @Override
  public long next(long from, long end) {
    return inode.next(from, end);
  }

  @Override
  public void markPrepared(long index, boolean prepared) {
    inode.markPrepared(index, prepared);
  }

  @Override
  public ModelLock invalidateLock() {
    return inode.lock();
  }

  @Override
  public long size() {
    return inode.size();
  }
}
