package dev.cocovisor.host.finding;

/** A request that cannot be met; its message is the finding's whole text. */
public final class HostException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient Finding finding;

  /** Creates the exception for a finding. */
  public HostException(Finding finding) {
    super(finding.text());
    this.finding = finding;
  }

  /** Creates the exception for a finding with the failure that led to it. */
  public HostException(Finding finding, Throwable cause) {
    super(finding.text(), cause);
    this.finding = finding;
  }

  /** Returns what is wrong. */
  public Finding finding() {
    return finding;
  }
}
