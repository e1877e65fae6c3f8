package dev.cocovisor.host.finding;

/** A request that cannot be met; its message is the finding's whole text. */
public final class HostException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient PluginFinding finding;

  /** Creates the exception for a finding. */
  public HostException(PluginFinding finding) {
    super(finding.text());
    this.finding = finding;
  }

  /** Creates the exception for a finding with the failure that led to it. */
  public HostException(PluginFinding finding, Throwable cause) {
    super(finding.text(), cause);
    this.finding = finding;
  }

  /** Returns what is wrong. */
  public PluginFinding finding() {
    return finding;
  }
}
