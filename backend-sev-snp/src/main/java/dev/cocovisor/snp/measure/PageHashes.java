package dev.cocovisor.snp.measure;

import dev.cocovisor.snp.psp.LaunchDigest;
import dev.cocovisor.snp.psp.LaunchPageType;

/**
 * Content hashes of an image's pages. They do not depend on each other, so the processors share the
 * work, each a run of neighbouring pages; only the chain over them is sequential. Plain threads do
 * it: a program that measures once and ends would pay more for a pool than for the hashes.
 */
final class PageHashes {
  /**
   * Pages that are worth a thread of their own: hashing them takes ten times what starting it does.
   */
  private static final int WORTH_A_THREAD = 256;

  private PageHashes() {}

  /** Returns 48 bytes a page, for the pages of {@code image}, whose size is a multiple of 4096. */
  static byte[] of(byte[] image) {
    return of(image, Runtime.getRuntime().availableProcessors());
  }

  /** Does the same with at most {@code most} threads, the caller's included. */
  static byte[] of(byte[] image, int most) {
    int pages = image.length / Vmsa.SIZE;
    byte[] out = new byte[pages * LaunchDigest.SIZE];
    int threads = Math.clamp(pages / WORTH_A_THREAD, 1, most);
    Share[] shares = new Share[threads];
    for (int i = 0; i < threads; i++) {
      int first = (int) ((long) pages * i / threads);
      int end = (int) ((long) pages * (i + 1) / threads);
      shares[i] = new Share(image, out, first, end);
    }
    for (int i = 1; i < threads; i++) {
      shares[i].start();
    }
    shares[0].hash();
    for (int i = 1; i < threads; i++) {
      shares[i].await();
    }
    return out;
  }

  /** The pages from {@code first} on, {@code end} not among them. */
  private static final class Share extends Thread {
    private final byte[] image;
    private final byte[] out;
    private final int first;
    private final int end;
    private boolean done;

    Share(byte[] image, byte[] out, int first, int end) {
      super(null, null, "page hashes from " + first, 0, false);
      this.image = image;
      this.out = out;
      this.first = first;
      this.end = end;
      setDaemon(true);
    }

    @Override
    public void run() {
      hash();
    }

    void hash() {
      LaunchDigest.contentHashes(
          LaunchPageType.NORMAL,
          image,
          first * Vmsa.SIZE,
          end - first,
          out,
          first * LaunchDigest.SIZE);
      done = true;
    }

    /** Waits for a share to be hashed, however often it is interrupted meanwhile. */
    void await() {
      boolean interrupted = false;
      while (true) {
        try {
          join();
          break;
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
      if (!done) {
        throw new IllegalStateException(getName() + ": the thread ended before its pages");
      }
    }
  }
}
