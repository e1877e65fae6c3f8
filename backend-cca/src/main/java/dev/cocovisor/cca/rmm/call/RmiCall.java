package dev.cocovisor.cca.rmm.call;

import dev.cocovisor.api.trusted.TrustedCall;
import java.util.List;

/**
 * One row of a version of RMI: what dispatch, trace, logs and plans of failures know of a command.
 */
public interface RmiCall extends TrustedCall {
  /** The first function identifier of RMI's range. */
  long FID_BASE = 0xC400_0150L;

  /** Returns the names of its operands, x1 first. */
  List<String> operands();

  /** Returns how many registers from x1 are outputs. */
  int outputs();

  @Override
  default int arity() {
    return operands().size();
  }

  /** Writes operands as a trace does: {@code rd=0x1000, ipa=0x0}. */
  default String describe(long... values) {
    var text = new StringBuilder();
    for (int i = 0; i < Math.min(values.length, arity()); i++) {
      text.append(i == 0 ? "" : ", ").append(operands().get(i)).append("=0x");
      text.append(Long.toHexString(values[i]));
    }
    return text.toString();
  }
}
