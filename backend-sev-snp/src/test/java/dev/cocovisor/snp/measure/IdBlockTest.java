package dev.cocovisor.snp.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.api.measure.MeasureExtras;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPairGenerator;
import java.security.spec.ECGenParameterSpec;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Id blocks are made, signed and checked; signatures of another tool are in the vectors. */
class IdBlockTest {
  @TempDir Path dir;

  private final byte[] digest = new byte[48];

  /** Writes a key as PEM (RFC 5915), with its public half, as OpenSSL does. */
  private Path key(String name) throws GeneralSecurityException, IOException {
    KeyPairGenerator g = KeyPairGenerator.getInstance("EC");
    g.initialize(new ECGenParameterSpec("secp384r1"));
    var pair = g.generateKeyPair();
    byte[] scalar =
        ((java.security.interfaces.ECPrivateKey) pair.getPrivate()).getS().toByteArray();
    byte[] secret = new byte[48];
    int from = Math.max(0, scalar.length - 48);
    System.arraycopy(scalar, from, secret, 48 - (scalar.length - from), scalar.length - from);
    byte[] spki = pair.getPublic().getEncoded(); // ends with the 97 bytes of the point
    byte[] der = new byte[3 + 3 + 2 + 48 + 2 + 2 + 1 + 97];
    byte[] head = {0x30, (byte) 0x81, (byte) (der.length - 3), 2, 1, 1, 4, 48};
    System.arraycopy(head, 0, der, 0, head.length);
    System.arraycopy(secret, 0, der, 8, 48);
    byte[] tail = {(byte) 0xA1, 100, 3, 98, 0};
    System.arraycopy(tail, 0, der, 56, tail.length);
    System.arraycopy(spki, spki.length - 97, der, 61, 97);
    return Files.writeString(
        dir.resolve(name),
        "-----BEGIN EC PRIVATE KEY-----\n"
            + Base64.getMimeEncoder().encodeToString(der)
            + "\n-----END EC PRIVATE KEY-----\n");
  }

  private static Map<String, String> options(String... pairs) {
    Map<String, String> out = new LinkedHashMap<>();
    for (int i = 0; i < pairs.length; i += 2) {
      out.put(pairs[i], pairs[i + 1]);
    }
    return out;
  }

  private Map<String, String> signed() throws GeneralSecurityException, IOException {
    Map<String, String> o =
        options(
            "id-block", "sign",
            "id-key", key("id.pem").toString(),
            "author-key", key("author.pem").toString(),
            "policy", "0xb0000",
            "id-block-file", dir.resolve("block").toString(),
            "id-auth-file", dir.resolve("auth").toString());
    MeasureExtras made = IdBlockRequest.of(o, digest);
    for (var e : made.files().entrySet()) {
      Files.write(e.getKey(), e.getValue());
    }
    assertThat(made.lines())
        .containsOnlyKeys("id-block", "id-auth", "id-key-digest", "author-key-digest");
    o.put("id-block", "check");
    return o;
  }

  @Test
  void whatIsSignedIsFoundRight() throws GeneralSecurityException, IOException {
    assertThat(IdBlockRequest.of(signed(), digest).faults()).isEmpty();
  }

  @Test
  void anotherDigestPolicyOrSignatureIsFound() throws GeneralSecurityException, IOException {
    Map<String, String> o = signed();
    o.put("policy", "0x30000");
    assertThat(IdBlockRequest.of(o, new byte[] {1}).faults())
        .hasSize(2)
        .anyMatch(f -> f.startsWith("the id block expects the digest 0000"))
        .contains("the id block's policy is 0xb0000");
    Path block = dir.resolve("block");
    byte[] bytes = Files.readAllBytes(block);
    bytes[95] ^= 1;
    Files.write(block, bytes);
    o.remove("policy");
    assertThat(IdBlockRequest.of(o, digest).faults())
        .containsExactly("the id key did not sign this id block");
  }

  @Test
  void whatIsMissingIsSaid() throws IOException {
    assertThatThrownBy(() -> IdBlockRequest.of(options("id-key", "x"), digest))
        .hasMessage("--id-key needs --id-block make, sign or check");
    assertThatThrownBy(() -> IdBlockRequest.of(options("id-block", "sign"), digest))
        .hasMessage("--id-block sign needs --id-key");
    assertThatThrownBy(() -> IdBlockRequest.of(options("id-block", "burn"), digest))
        .hasMessage("--id-block is make, sign or check, not 'burn'");
    Path none = Files.writeString(dir.resolve("none.pem"), "nothing");
    assertThatThrownBy(
            () -> IdBlockRequest.of(options("id-block", "sign", "id-key", none.toString()), digest))
        .isInstanceOf(MeasureException.class)
        .hasMessageContaining("no unencrypted private key in PEM");
  }
}
