package dev.cocovisor.core.host;

/** What get_mempolicy writes back. */
public final class MempolicyAnswer {
  private int mode;
  private long nodes;

  /** Creates an answer with the default policy. */
  public MempolicyAnswer() {}

  void set(int newMode, long newNodes) {
    mode = newMode;
    nodes = newNodes;
  }

  /** Returns the policy with its flags, or the node that was asked for. */
  public int mode() {
    return mode;
  }

  /** Returns one bit for each node. */
  public long nodes() {
    return nodes;
  }
}
