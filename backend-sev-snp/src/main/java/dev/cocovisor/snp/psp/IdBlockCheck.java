package dev.cocovisor.snp.psp;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.AlgorithmParameters;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.Signature;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.ECParameterSpec;
import java.security.spec.ECPoint;
import java.security.spec.ECPublicKeySpec;
import java.util.Arrays;

/**
 * The identity block of SNP_LAUNCH_FINISH and its authentication.
 *
 * <p>The block (96 bytes) holds the expected digest (0x00), family and image ids (0x30, 0x40),
 * version (0x50), SVN (0x54) and policy (0x58). The authentication page (4096 bytes) holds
 * algorithms (0x0, 0x4), the block's signature (0x40), the id key (0x240), the id key's signature
 * (0x680) and the author key (0x880). Numbers in keys and signatures are 72 bytes little endian.
 * Source: AMD's SNP firmware ABI document, ID block and ID authentication structures.
 *
 * <p>Order of checks, a choice of this model: algorithm, id key signature if an author key is used,
 * block signature, version, digest, policy.
 */
final class IdBlockCheck {
  static final int SIZE = 96;
  static final int AUTH_SIZE = 4096;
  private static final int ECDSA_P384_SHA384 = 1;
  private static final int CURVE_P384 = 2;
  private static final int KEY_SIZE = 0x404;
  private static final int COMPONENT = 72;

  private IdBlockCheck() {}

  static FwStatus check(byte[] block, byte[] auth, boolean author, byte[] digest, long policy) {
    ByteBuffer a = ByteBuffer.wrap(auth).order(ByteOrder.LITTLE_ENDIAN);
    ByteBuffer b = ByteBuffer.wrap(block).order(ByteOrder.LITTLE_ENDIAN);
    if (a.getInt(0) != ECDSA_P384_SHA384 || (author && a.getInt(4) != ECDSA_P384_SHA384)) {
      return FwStatus.INVALID_PARAM;
    }
    byte[] idKey = Arrays.copyOfRange(auth, 0x240, 0x240 + KEY_SIZE);
    if (author && !verify(auth, 0x880, idKey, 0x680)) {
      return FwStatus.BAD_SIGNATURE;
    }
    if (!verify(auth, 0x240, block, 0x40)) {
      return FwStatus.BAD_SIGNATURE;
    }
    if (b.getInt(0x50) != 1) {
      return FwStatus.BAD_VERSION;
    }
    if (!Arrays.equals(block, 0, LaunchDigest.SIZE, digest, 0, LaunchDigest.SIZE)) {
      return FwStatus.BAD_MEASUREMENT;
    }
    return b.getLong(0x58) == policy ? FwStatus.SUCCESS : FwStatus.POLICY_FAILURE;
  }

  /** Says in words what {@link #check} found wrong. */
  static String why(FwStatus found) {
    return switch (found) {
      case INVALID_PARAM -> "its algorithm is not ECDSA P-384 with SHA-384";
      case BAD_SIGNATURE -> "a signature does not verify";
      case BAD_VERSION -> "its version is not 1";
      case BAD_MEASUREMENT -> "its digest is not the launch digest";
      case POLICY_FAILURE -> "its policy is not the guest's";
      default -> found.name();
    };
  }

  private static boolean verify(byte[] auth, int keyAt, byte[] message, int signatureAt) {
    try {
      if (ByteBuffer.wrap(auth).order(ByteOrder.LITTLE_ENDIAN).getInt(keyAt) != CURVE_P384) {
        return false;
      }
      AlgorithmParameters curve = AlgorithmParameters.getInstance("EC");
      curve.init(new ECGenParameterSpec("secp384r1"));
      ECPoint q =
          new ECPoint(
              new BigInteger(1, component(auth, keyAt + 4)),
              new BigInteger(1, component(auth, keyAt + 4 + COMPONENT)));
      Signature s = Signature.getInstance("SHA384withECDSAinP1363Format");
      s.initVerify(
          KeyFactory.getInstance("EC")
              .generatePublic(
                  new ECPublicKeySpec(q, curve.getParameterSpec(ECParameterSpec.class))));
      s.update(message);
      byte[] rs = new byte[96];
      System.arraycopy(component(auth, signatureAt), COMPONENT - 48, rs, 0, 48);
      System.arraycopy(component(auth, signatureAt + COMPONENT), COMPONENT - 48, rs, 48, 48);
      return s.verify(rs);
    } catch (GeneralSecurityException e) {
      // A key off the curve or a malformed signature is simply not a good one.
      return false;
    }
  }

  /** Returns 72 bytes in big-endian order. */
  private static byte[] component(byte[] from, int at) {
    byte[] out = new byte[COMPONENT];
    for (int i = 0; i < COMPONENT; i++) {
      out[i] = from[at + COMPONENT - 1 - i];
    }
    return out;
  }
}
