package dev.cocovisor.cli.fuzz;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.SplittableRandom;

/** Damages bytes: what one seed makes of one corpus is always the same. */
final class Mutator {
  private static final String[] WORDS = {
    "0",
    "-1",
    "0x7fffffffffffffff",
    "0xffffffffffffffff",
    "4294967296",
    "1e999",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ",",
    "=",
    "=>",
    "\"",
    "\n",
    "\r\n",
    "# program 1\n",
    "\0",
    "\u001b[31m",
    "\ufeff",
    "null",
    "true",
    "0x",
    "|",
    "...",
    "-1 EINVAL",
    "vcpus=0",
    "size=0",
    "memory=1"
  };

  private final SplittableRandom random;
  private final List<byte[]> corpus;

  Mutator(long seed, List<byte[]> corpus) {
    this.random = new SplittableRandom(seed);
    this.corpus = corpus;
  }

  /** Returns the next damaged input. */
  byte[] next() {
    byte[] bytes = corpus.get(random.nextInt(corpus.size())).clone();
    int times = 1 + random.nextInt(random.nextInt(8) == 0 ? 40 : 4);
    for (int i = 0; i < times; i++) {
      bytes = damaged(bytes);
    }
    return bytes;
  }

  private byte[] damaged(byte[] in) {
    int at = in.length == 0 ? 0 : random.nextInt(in.length);
    int length = Math.min(in.length - at, 1 + random.nextInt(random.nextInt(4) == 0 ? 4096 : 16));
    return switch (random.nextInt(8)) {
      case 0 -> {
        if (in.length > 0) {
          in[at] ^= (byte) (1 << random.nextInt(8));
        }
        yield in;
      }
      case 1 -> {
        if (in.length > 0) {
          in[at] = (byte) random.nextInt(256);
        }
        yield in;
      }
      case 2 -> {
        yield spliced(in, at, length, new byte[0]);
      }
      case 3 -> {
        byte[] part = new byte[length];
        System.arraycopy(in, at, part, 0, length);
        int to = in.length == 0 ? 0 : random.nextInt(in.length);
        yield spliced(in, to, 0, part);
      }
      case 4 -> {
        byte[] other = corpus.get(random.nextInt(corpus.size()));
        int from = other.length == 0 ? 0 : random.nextInt(other.length);
        int n = Math.min(other.length - from, 1 + random.nextInt(512));
        byte[] part = new byte[n];
        System.arraycopy(other, from, part, 0, n);
        yield spliced(in, at, random.nextBoolean() ? length : 0, part);
      }
      case 5 -> {
        byte[] word = WORDS[random.nextInt(WORDS.length)].getBytes(StandardCharsets.UTF_8);
        yield spliced(in, at, random.nextBoolean() ? length : 0, word);
      }
      case 6 -> {
        yield number(in, at);
      }
      default -> {
        // A number of a few bytes at one of its ends, as lengths and offsets in images are.
        for (int i = 0; i < Math.min(4, in.length - at); i++) {
          in[at + i] = (byte) (random.nextBoolean() ? 0xff : 0);
        }
        yield in;
      }
    };
  }

  /** Puts another number in place of the digits behind a place. */
  private byte[] number(byte[] in, int at) {
    int from = at;
    while (from < in.length && (in[from] < '0' || in[from] > '9')) {
      from++;
    }
    int to = from;
    while (to < in.length && in[to] >= '0' && in[to] <= '9') {
      to++;
    }
    String[] numbers = {"0", "1", "7", "4095", "4096", "4097", "65536", "99999999999", "2097152"};
    byte[] n = numbers[random.nextInt(numbers.length)].getBytes(StandardCharsets.US_ASCII);
    return spliced(in, from, to - from, n);
  }

  private static byte[] spliced(byte[] in, int at, int cut, byte[] part) {
    var out = new ByteArrayOutputStream(in.length + part.length);
    out.write(in, 0, at);
    out.writeBytes(part);
    out.write(in, at + cut, in.length - at - cut);
    return out.size() > 1 << 20 ? in : out.toByteArray();
  }
}
