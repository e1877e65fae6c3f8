package dev.cocovisor.snp.measure;

import dev.cocovisor.api.measure.MeasureException;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;

/**
 * The processor signature a vCPU starts with in EDX: CPUID leaf 1's EAX, from family, model and
 * stepping. QEMU's EPYC models are known by name.
 */
// AMD64 Architecture Programmer's Manual volume 3, CPUID Fn0000_0001_EAX; QEMU target/i386/cpu.c,
// builtin_x86_defs as of 10.1.
final class VcpuSignature {
  private static final Map<String, Integer> TYPES = types();

  private VcpuSignature() {}

  private static Map<String, Integer> types() {
    Map<String, Integer> t = new TreeMap<>();
    versions(t, "EPYC", 5, of(23, 1, 2));
    t.put("EPYC-IBPB", of(23, 1, 2)); // an old name of EPYC-v2
    versions(t, "EPYC-Rome", 5, of(23, 49, 0));
    versions(t, "EPYC-Milan", 3, of(25, 1, 1));
    versions(t, "EPYC-Genoa", 2, of(25, 17, 0));
    versions(t, "EPYC-Turin", 1, of(26, 0, 0));
    return Collections.unmodifiableMap(t);
  }

  /** Names a model and its versions from 1 on; none of them changes the signature. */
  private static void versions(Map<String, Integer> types, String model, int last, int signature) {
    types.put(model, signature);
    for (int v = 1; v <= last; v++) {
      types.put(model + "-v" + v, signature);
    }
  }

  /** Returns every known type with its signature. */
  static Map<String, Integer> known() {
    return TYPES;
  }

  /** Returns the signature of a QEMU CPU model. */
  static int ofType(String name) {
    Integer signature = TYPES.get(name);
    if (signature == null) {
      throw new MeasureException(
          "unknown vCPU type '" + name + "', one of " + String.join(", ", TYPES.keySet()));
    }
    return signature;
  }

  /**
   * Computes a signature.
   *
   * @param family 0 to 270: above 15 the rest goes into the extended family
   * @param model 0 to 255
   * @param stepping 0 to 15
   */
  static int of(int family, int model, int stepping) {
    if (family < 0 || family > 0xF + 0xFF) {
      throw new MeasureException("vCPU family " + family + " is not within 0 to 270");
    }
    if (model < 0 || model > 0xFF) {
      throw new MeasureException("vCPU model " + model + " is not within 0 to 255");
    }
    if (stepping < 0 || stepping > 0xF) {
      throw new MeasureException("vCPU stepping " + stepping + " is not within 0 to 15");
    }
    int low = Math.min(family, 0xF);
    int extended = family - low;
    return extended << 20 | (model >> 4) << 16 | low << 8 | (model & 0xF) << 4 | stepping;
  }
}
