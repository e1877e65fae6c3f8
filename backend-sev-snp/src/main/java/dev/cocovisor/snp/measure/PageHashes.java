package dev.cocovisor.snp.measure;

import dev.cocovisor.snp.psp.LaunchDigest;
import dev.cocovisor.snp.psp.LaunchPageType;
import java.util.stream.IntStream;

/**
 * Content hashes of an image's pages. They do not depend on each other, so all processors share the
 * work; only the chain over them is sequential.
 */
final class PageHashes {
  /** Pages a task hashes: enough to make a task's cost invisible, few enough to balance. */
  private static final int BATCH = 32;

  private PageHashes() {}

  /** Returns 48 bytes a page, for the pages of {@code image}, whose size is a multiple of 4096. */
  static byte[] of(byte[] image) {
    int pages = image.length / Vmsa.SIZE;
    byte[] out = new byte[pages * LaunchDigest.SIZE];
    IntStream.range(0, (pages + BATCH - 1) / BATCH)
        .parallel()
        .forEach(batch -> {
          int first = batch * BATCH;
          LaunchDigest.contentHashes(
              LaunchPageType.NORMAL,
              image,
              first * Vmsa.SIZE,
              Math.min(BATCH, pages - first),
              out,
              first * LaunchDigest.SIZE);
        });
    return out;
  }
}
