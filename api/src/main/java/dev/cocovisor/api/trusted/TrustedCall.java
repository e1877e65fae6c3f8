package dev.cocovisor.api.trusted;

import org.apiguardian.api.API;

/**
 * One call that a trusted half takes: a SEAMCALL leaf, a PSP or RMP command, a hypercall of the
 * host to EL2, an RMI command. A technology keeps one row a call (mostly an enum constant) and
 * dispatch, trace, fault plans and logs share it.
 *
 * @since 0.2
 */
@API(status = API.Status.EXPERIMENTAL, since = "0.2")
public interface TrustedCall {
  /** Returns the name its specification gives it: {@code TDH.MEM.PAGE.ADD}. */
  String callName();

  /** Returns the number it is called by: leaf, command or function identifier. */
  long number();

  /** Returns how many operands it takes. */
  int arity();

  /** Returns what kind of work it does. */
  TrustedOperation operation();
}
