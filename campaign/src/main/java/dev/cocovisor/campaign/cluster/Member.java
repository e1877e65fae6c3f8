package dev.cocovisor.campaign.cluster;

import com.hazelcast.config.Config;
import com.hazelcast.config.JoinConfig;
import com.hazelcast.config.MapConfig;
import com.hazelcast.config.NetworkConfig;
import com.hazelcast.core.Hazelcast;
import com.hazelcast.core.HazelcastInstance;
import com.hazelcast.map.IMap;
import dev.cocovisor.campaign.file.CampaignException;
import dev.cocovisor.campaign.file.CampaignFile;
import dev.cocovisor.campaign.file.Sha256;
import dev.cocovisor.campaign.work.Engine;
import dev.cocovisor.campaign.work.Plan;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.logging.Level;
import java.util.logging.Logger;

/**
 * A member of a campaign's cluster.
 *
 * <p>Who comes second comes as a member that holds nothing and makes nothing, looks whether it is
 * the same version and has the plugins, and only then takes part. The cluster's name follows from
 * the secret, and members of another name are not let in.
 */
public final class Member implements AutoCloseable {
  /** What all members know of a campaign: its text, its digest, the program's version. */
  static final String META = "meta";

  static final String FILES = "files";
  static final String ITEMS = "items";
  static final String RESULTS = "results";
  static final String SHARED = "shared";
  static final String ENGINE = "engine";

  static final String TEXT = "text";
  static final String NAME = "name";
  static final String DIGEST = "digest";
  static final String VERSION = "version";

  /** How far it is, in {@link #META}, as who runs it said last. */
  static final String STATUS = "status";

  /** There in {@link #META} once somebody asked the campaign to end. */
  static final String STOP = "stop";

  private static final int REACHABLE_MILLIS = 2_000;

  // A logger that nobody holds forgets its level.
  private static final Logger HAZELCAST = Logger.getLogger("com.hazelcast");

  private final HazelcastInstance instance;
  private final MeetingPoint meeting;

  private Member(HazelcastInstance instance, MeetingPoint meeting) {
    this.instance = instance;
    this.meeting = meeting;
  }

  /**
   * Opens the member that runs a campaign; it may find others that are there already.
   *
   * @param version the program's
   * @throws CampaignException if those there run something else
   */
  public static Member first(MeetingPoint meeting, Plan plan, String version) {
    Member m = new Member(Hazelcast.newHazelcastInstance(config(meeting, false)), meeting);
    try {
      IMap<String, String> meta = m.instance.getMap(META);
      String digest = Sha256.of(plan.file().content());
      String other = meta.putIfAbsent(DIGEST, digest);
      if (other != null && !other.equals(digest)) {
        throw new CampaignException(
            "the members there run the campaign '"
                + meta.get(NAME)
                + "' with other contents; end them first, or run it with their file");
      }
      sameVersion(meta, version);
      plan.file().files().forEach((name, bytes) -> m.files().set(name, bytes));
      meta.set(NAME, plan.file().name());
      meta.set(TEXT, plan.file().text());
      meta.delete(STOP);
      m.makes(plan);
      return m;
    } catch (RuntimeException e) {
      m.close();
      throw e;
    }
  }

  /**
   * Joins a campaign that is run elsewhere.
   *
   * @param plans lists the tasks of a campaign, with the plugins it pins
   * @throws CampaignException if nobody is there, it is another version, or a plugin is missing
   */
  public static Member join(
      MeetingPoint meeting, String version, Function<CampaignFile, Plan> plans) {
    Member m = new Member(Hazelcast.newHazelcastInstance(config(meeting, true)), meeting);
    try {
      if (m.instance.getCluster().getMembers().size() < 2) {
        throw new CampaignException(
            nobody(
                meeting.others(),
                meeting.others().isEmpty()
                    ? String.valueOf(meeting.kubernetes())
                    : String.join(", ", meeting.others())));
      }
      IMap<String, String> meta = m.instance.getMap(META);
      sameVersion(meta, version);
      String text = meta.get(TEXT);
      if (text == null) {
        throw new CampaignException(
            "the members there run no campaign yet; start one with 'campaign run'");
      }
      var files = new TreeMap<String, byte[]>();
      m.files().forEach(e -> files.put(e.getKey(), e.getValue()));
      m.makes(plans.apply(CampaignFile.of(String.valueOf(meta.get(NAME)), text, files)));
      m.instance.getCluster().promoteLocalLiteMember();
      return m;
    } catch (RuntimeException e) {
      m.close();
      throw e;
    }
  }

  private IMap<String, byte[]> files() {
    return instance.getMap(FILES);
  }

  private static void sameVersion(IMap<String, String> meta, String version) {
    String theirs = meta.putIfAbsent(VERSION, version);
    if (theirs != null && !theirs.equals(version)) {
      throw new CampaignException(
          "the members there are cocovisor "
              + theirs
              + ", this is "
              + version
              + "; answers are only comparable with the same version: install theirs here");
    }
  }

  /** Says why no member let anybody in. */
  static String nobody(List<String> others, String at) {
    for (String other : others) {
      int colon = other.lastIndexOf(':');
      String host = colon < 0 ? other : other.substring(0, colon);
      int port = colon < 0 ? MeetingPoint.PORT : Integer.parseInt(other.substring(colon + 1));
      try (var socket = new Socket()) {
        socket.connect(new InetSocketAddress(host, port), REACHABLE_MILLIS);
        return "somebody listens at "
            + other
            + " but does not let this member in: give the secret of that campaign by --secret-file";
      } catch (IOException e) {
        // Nobody there; perhaps at the next.
      }
    }
    return "nobody listens at "
        + at
        + ": 'campaign run' prints where it does, and listens elsewhere than on its own machine"
        + " only with --listen";
  }

  private void makes(Plan plan) {
    IMap<String, String> shared = instance.getMap(SHARED);
    instance.getUserContext().put(ENGINE, new Engine(plan, key -> shared.getOrDefault(key, "")));
  }

  /** Returns the cluster as Hazelcast knows it. */
  HazelcastInstance instance() {
    return instance;
  }

  /** Returns how many items a member makes at the same time. */
  int workers() {
    return meeting.workers();
  }

  /** Returns where this member listens. */
  public String address() {
    var a = instance.getCluster().getLocalMember().getAddress();
    return a.getHost() + ":" + a.getPort();
  }

  /** Says how far the campaign is, to whoever asks any member. */
  public void tell(String status) {
    IMap<String, String> meta = instance.getMap(META);
    meta.set(STATUS, status);
  }

  /** Tells whether who ran the campaign said that it ended, rather than vanished. */
  public boolean isOver() {
    String status = isRunning() ? this.<String, String>map(META).get(STATUS) : null;
    return status != null && !status.contains("\"state\":\"running\"");
  }

  private <K, V> IMap<K, V> map(String name) {
    return instance.getMap(name);
  }

  /** Tells whether somebody asked, at any member, that the campaign end. */
  public boolean stopAsked() {
    return instance.getMap(META).containsKey(STOP);
  }

  /** Returns where the members listen, this one first. */
  public List<String> addresses() {
    List<String> all = new ArrayList<>();
    all.add(address());
    for (var m : instance.getCluster().getMembers()) {
      String at = m.getAddress().getHost() + ":" + m.getAddress().getPort();
      if (!m.localMember()) {
        all.add(at);
      }
    }
    return all;
  }

  /** Returns how many members there are. */
  public int members() {
    return instance.getCluster().getMembers().size();
  }

  /** Tells whether this member is still one: it was not ended, and did not lose the others. */
  public boolean isRunning() {
    return instance.getLifecycleService().isRunning();
  }

  /** Lets Hazelcast say nothing but what ends it. */
  static void quiet() {
    HAZELCAST.setLevel(Level.SEVERE);
  }

  /** Returns the cluster's name, which follows from the secret and does not tell it. */
  static String clusterName(String secret) {
    String name = Sha256.of(("cocovisor campaign " + secret).getBytes(StandardCharsets.UTF_8));
    return "cocovisor-" + name.substring(0, 32);
  }

  private static Config config(MeetingPoint meeting, boolean lite) {
    quiet();
    var config = new Config();
    config.setClusterName(clusterName(meeting.secret()));
    config.setLiteMember(lite);
    config.setProperty("hazelcast.phone.home.enabled", "false");
    config.setProperty("hazelcast.logging.type", "jdk");
    config.setProperty("hazelcast.socket.bind.any", "false");
    config.setProperty("hazelcast.shutdownhook.enabled", "false");
    config.setProperty("hazelcast.max.no.heartbeat.seconds", "20");
    config.setProperty("hazelcast.heartbeat.interval.seconds", "2");
    config.setProperty("hazelcast.partition.count", "47");
    config.addMapConfig(new MapConfig("*").setBackupCount(1));
    config.getJetConfig().setEnabled(true).setScaleUpDelayMillis(500);
    NetworkConfig net = config.getNetworkConfig();
    net.setPort(meeting.port()).setPortAutoIncrement(true).setReuseAddress(true);
    // By name, not by matching interfaces: 127.0.0.2 is this machine's too.
    config.setProperty("hazelcast.local.localAddress", own(meeting.host()));
    JoinConfig join = net.getJoin();
    join.getAutoDetectionConfig().setEnabled(false);
    join.getMulticastConfig().setEnabled(false);
    String kubernetes = meeting.kubernetes();
    if (kubernetes != null) {
      join.getKubernetesConfig().setEnabled(true).setProperty("service-dns", kubernetes);
    } else {
      join.getTcpIpConfig().setEnabled(true).setMembers(meeting.others());
    }
    return config;
  }

  /** Returns an address to listen on. */
  private static String own(String host) {
    try (var socket = new ServerSocket()) {
      socket.bind(new InetSocketAddress(host, 0));
      return host;
    } catch (IOException e) {
      throw new CampaignException(
          "--listen: "
              + host
              + " is no address of this machine; one of its own, which the others reach, expected",
          e);
    }
  }

  @Override
  public void close() {
    instance.shutdown();
  }
}
