package dev.cocovisor.campaign.cluster;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where members meet.
 *
 * @param host the address to listen on, and on no other
 * @param port the first port to try
 * @param others addresses of members that are there, {@code host:port}
 * @param kubernetes the DNS name of a headless service whose pods are the members; null for none
 * @param secret what all members know; who does not is not let in
 * @param workers how many items a member makes at the same time
 */
public record MeetingPoint(
    String host,
    int port,
    List<String> others,
    @Nullable String kubernetes,
    String secret,
    int workers) {
  /** The port that members listen on where nothing else is said. */
  public static final int PORT = 5701;

  /** Alone, on this machine only. */
  public static MeetingPoint alone(String secret, int workers) {
    return new MeetingPoint("127.0.0.1", PORT, List.of(), null, secret, workers);
  }
}
