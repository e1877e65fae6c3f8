package dev.cocovisor.snp.measure;

import static org.assertj.core.api.Assertions.assertThat;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** However many threads share the pages, each page has the hash it has by itself. */
class PageHashesTest {
  private static final int SIZE = 4096;

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 255, 512, 777, 1025})
  void everyPageHasItsOwnHash(int pages) throws NoSuchAlgorithmException {
    byte[] image = new byte[pages * SIZE];
    new Random(pages).nextBytes(image);
    byte[] expected = new byte[pages * 48];
    MessageDigest sha = MessageDigest.getInstance("SHA-384");
    for (int i = 0; i < pages; i++) {
      byte[] hash = sha.digest(Arrays.copyOfRange(image, i * SIZE, (i + 1) * SIZE));
      System.arraycopy(hash, 0, expected, i * 48, 48);
    }
    for (int threads : new int[] {1, 2, 3, 64}) {
      assertThat(PageHashes.of(image, threads)).as("%d threads", threads).isEqualTo(expected);
    }
  }

  @Test
  void aThreadThatIsInterruptedFinishesAndStaysInterrupted() {
    byte[] image = new byte[600 * SIZE];
    byte[] calm = PageHashes.of(image, 1);
    Thread.currentThread().interrupt();
    byte[] hashes = PageHashes.of(image, 2);
    assertThat(Thread.interrupted()).isTrue();
    assertThat(hashes).isEqualTo(calm);
  }
}
