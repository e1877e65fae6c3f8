package dev.cocovisor.campaign.cluster;

import com.hazelcast.client.HazelcastClient;
import com.hazelcast.client.config.ClientConfig;
import com.hazelcast.client.config.RoutingMode;
import com.hazelcast.core.HazelcastInstance;
import com.hazelcast.map.IMap;
import dev.cocovisor.campaign.file.CampaignException;
import java.util.List;

/**
 * Somebody who asks the members of a campaign how far it is, or to end it, from wherever they can
 * be reached: no member, listens nowhere, and changes nothing about who makes what.
 */
public final class Visitor implements AutoCloseable {
  private static final int CONNECT_MILLIS = 8_000;

  private final HazelcastInstance client;
  private final String at;

  private Visitor(HazelcastInstance client, String at) {
    this.client = client;
    this.at = at;
  }

  /**
   * Reaches a campaign's members.
   *
   * @param addresses where some of them listen, {@code host:port}; one that answers is enough
   * @param secret the campaign's
   * @throws CampaignException if nobody is there, or the secret is another
   */
  public static Visitor of(List<String> addresses, String secret) {
    Member.quiet();
    var config = new ClientConfig();
    config.setClusterName(Member.clusterName(secret));
    config.setProperty("hazelcast.phone.home.enabled", "false");
    config.setProperty("hazelcast.logging.type", "jdk");
    config.getNetworkConfig().setAddresses(addresses);
    config.getNetworkConfig().getClusterRoutingConfig().setRoutingMode(RoutingMode.SINGLE_MEMBER);
    config
        .getConnectionStrategyConfig()
        .getConnectionRetryConfig()
        .setInitialBackoffMillis(200)
        .setClusterConnectTimeoutMillis(CONNECT_MILLIS);
    String at = String.join(", ", addresses);
    try {
      return new Visitor(HazelcastClient.newHazelcastClient(config), at);
    } catch (IllegalStateException e) {
      throw new CampaignException(Member.nobody(addresses, at), e);
    }
  }

  private IMap<String, String> meta() {
    return client.getMap(Member.META);
  }

  /**
   * Returns how far the campaign is, as who runs it said last: a JSON document.
   *
   * @throws CampaignException if nobody runs one there
   */
  public String status() {
    String status = meta().get(Member.STATUS);
    if (status == null) {
      throw new CampaignException("the members at " + at + " run no campaign now");
    }
    return status;
  }

  /**
   * Asks the campaign to end; what was made is kept.
   *
   * @throws CampaignException if nobody runs one there
   */
  public void stop() {
    var _ = status();
    meta().set(Member.STOP, "");
  }

  @Override
  public void close() {
    client.shutdown();
  }
}
