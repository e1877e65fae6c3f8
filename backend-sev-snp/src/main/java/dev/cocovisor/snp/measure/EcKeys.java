package dev.cocovisor.snp.measure;

import dev.cocovisor.api.measure.FirmwareImage;
import dev.cocovisor.api.measure.MeasureException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPrivateKeySpec;
import java.security.spec.ECPublicKeySpec;
import java.util.Arrays;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Keys of curve P-384 as OpenSSL writes them, and their forms for the firmware: numbers of 72
 * bytes, lowest byte first.
 */
// AMD SNP firmware ABI (56860), "ECDSA P-384 with SHA-384": public key and signature formats.
// PEM: RFC 5915 (EC PRIVATE KEY) and RFC 5208 (PRIVATE KEY).
final class EcKeys {
  /** Bytes of a number in the firmware's structures. */
  static final int NUMBER = 72;

  /** Bytes of a public key. */
  static final int PUBLIC_SIZE = 0x404;

  /** Bytes of a signature. */
  static final int SIGNATURE_SIZE = 0x200;

  private static final int CURVE_P384 = 2;
  private static final int P384_BYTES = 48;
  private static final Pattern PEM =
      Pattern.compile("-----BEGIN ((?:EC )?PRIVATE KEY)-----([A-Za-z0-9+/=\\s]+)-----END \\1-----");

  /**
   * A key pair.
   *
   * @param secret signs
   * @param publicBytes the public half in the firmware's form
   */
  @SuppressWarnings("ArrayRecordComponent") // a value handed over once
  record Pair(PrivateKey secret, byte[] publicBytes) {}

  private EcKeys() {}

  /**
   * Reads a private key with its public half from a PEM file.
   *
   * @throws MeasureException if it is none, encrypted, or of another curve
   */
  static Pair read(Path file) {
    String text = new String(FirmwareImage.bytesOf(file), StandardCharsets.US_ASCII);
    Matcher m = PEM.matcher(text);
    if (!m.find()) {
      throw new MeasureException(
          file
              + ": no unencrypted private key in PEM; openssl ecparam -name secp384r1 -genkey"
              + " -noout makes one");
    }
    try {
      Der key = new Der(Base64.getMimeDecoder().decode(m.group(2))).into(Der.SEQUENCE);
      key.skip(Der.INTEGER);
      if (m.group(1).equals("PRIVATE KEY")) {
        key.skip(Der.SEQUENCE); // the algorithm; the curve is judged by the numbers' size
        key = new Der(key.take(Der.OCTETS)).into(Der.SEQUENCE);
        key.skip(Der.INTEGER);
      }
      byte[] secret = key.take(Der.OCTETS);
      byte[] point = key.find(Der.CONTEXT_1);
      if (secret.length != P384_BYTES || point.length == 0) {
        throw new MeasureException(file + ": a key of curve P-384 with its public half is needed");
      }
      byte[] bits = new Der(point).take(Der.BITS);
      if (bits.length != 2 + 2 * P384_BYTES || bits[1] != 4) {
        throw new MeasureException(file + ": the public half is no uncompressed point of P-384");
      }
      BigInteger x = new BigInteger(1, Arrays.copyOfRange(bits, 2, 2 + P384_BYTES));
      BigInteger y = new BigInteger(1, Arrays.copyOfRange(bits, 2 + P384_BYTES, bits.length));
      PrivateKey priv =
          KeyFactory.getInstance("EC")
              .generatePrivate(new ECPrivateKeySpec(new BigInteger(1, secret), curve()));
      return new Pair(priv, publicBytes(x, y));
    } catch (GeneralSecurityException | IllegalArgumentException e) {
      throw new MeasureException(file + ": no private key of curve P-384: " + e.getMessage(), e);
    }
  }

  private static ECParameterSpec curve() throws GeneralSecurityException {
    AlgorithmParameters p = AlgorithmParameters.getInstance("EC");
    p.init(new ECGenParameterSpec("secp384r1"));
    return p.getParameterSpec(ECParameterSpec.class);
  }

  private static byte[] publicBytes(BigInteger x, BigInteger y) {
    byte[] out = new byte[PUBLIC_SIZE];
    out[0] = CURVE_P384;
    put(x, out, 4);
    put(y, out, 4 + NUMBER);
    return out;
  }

  private static void put(BigInteger n, byte[] out, int at) {
    for (int i = 0; i < P384_BYTES; i++) {
      out[at + i] = n.shiftRight(8 * i).byteValue();
    }
  }

  private static BigInteger number(byte[] in, int at) {
    byte[] big = new byte[NUMBER];
    for (int i = 0; i < NUMBER; i++) {
      big[NUMBER - 1 - i] = in[at + i];
    }
    return new BigInteger(1, big);
  }

  /** Signs with SHA-384; each call gives another signature, which ECDSA's random number makes. */
  static byte[] sign(Pair key, byte[] data) {
    try {
      Signature s = Signature.getInstance("SHA384withECDSAinP1363Format");
      s.initSign(key.secret());
      s.update(data);
      byte[] rs = s.sign();
      byte[] out = new byte[SIGNATURE_SIZE];
      put(new BigInteger(1, Arrays.copyOfRange(rs, 0, P384_BYTES)), out, 0);
      put(new BigInteger(1, Arrays.copyOfRange(rs, P384_BYTES, rs.length)), out, NUMBER);
      return out;
    } catch (GeneralSecurityException e) {
      throw new MeasureException("cannot sign: " + e.getMessage(), e);
    }
  }

  /** Tells whether a signature in the firmware's form is the key's over {@code data}. */
  static boolean verifies(byte[] publicBytes, byte[] data, byte[] signature) {
    try {
      if (publicBytes[0] != CURVE_P384) {
        return false;
      }
      ECPoint point = new ECPoint(number(publicBytes, 4), number(publicBytes, 4 + NUMBER));
      PublicKey key =
          KeyFactory.getInstance("EC").generatePublic(new ECPublicKeySpec(point, curve()));
      byte[] rs = new byte[2 * P384_BYTES];
      for (int half = 0; half < 2; half++) {
        byte[] n = number(signature, half * NUMBER).toByteArray();
        int from = Math.max(0, n.length - P384_BYTES);
        System.arraycopy(n, from, rs, (half + 1) * P384_BYTES - (n.length - from), n.length - from);
      }
      Signature s = Signature.getInstance("SHA384withECDSAinP1363Format");
      s.initVerify(key);
      s.update(data);
      return s.verify(rs);
    } catch (GeneralSecurityException e) {
      return false;
    }
  }
}
