package dev.cocovisor.campaign.file;

import org.jspecify.annotations.Nullable;

/** A campaign cannot be run as it is: what is wrong, where, and how to mend it. */
public final class CampaignException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Makes one. */
  public CampaignException(String message) {
    super(message);
  }

  /** Makes one with its cause, if there is one. */
  public CampaignException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
