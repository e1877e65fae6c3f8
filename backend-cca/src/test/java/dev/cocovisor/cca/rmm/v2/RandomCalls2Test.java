package dev.cocovisor.cca.rmm.v2;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.cca.rmm.call.Status;
import dev.cocovisor.cca.rmm.op.Block;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Random hosts that are interrupted at random; every invariant after every call. */
class RandomCalls2Test {
  private static final int CALLS = 400;
  private static final long PAGE = Bench2.PAGE;

  private final Bench2 b = new Bench2();
  private final List<Long> realms = new ArrayList<>();
  private final List<Long> recs = new ArrayList<>();
  private final Set<Rmi2Command> succeeded = EnumSet.noneOf(Rmi2Command.class);
  private Random random = new Random(0);
  private long first;

  private long granule() {
    return first + random.nextInt(64) * PAGE;
  }

  private long ipa() {
    long[] places = {0, PAGE, 2 * PAGE, 0x1f_f000, 0x20_0000, 0x20_1000, 1L << 30};
    return (random.nextInt(4) == 0 ? Bench2.SHARED : 0) + places[random.nextInt(places.length)];
  }

  private long rd() {
    return realms.get(random.nextInt(realms.size()));
  }

  private long rec() {
    return recs.isEmpty() || random.nextInt(8) == 0
        ? granule()
        : recs.get(random.nextInt(recs.size()));
  }

  private long handle() {
    return random.nextInt(3);
  }

  private long block() {
    int level = random.nextInt(12) == 0 ? 2 : 3;
    return Block.of(granule(), level, random.nextInt(4), random.nextInt(4) == 0 ? 1L << 63 : 0);
  }

  private long[] operands(Rmi2Command command) {
    long ipa = ipa();
    long top = ipa + (1L + random.nextInt(4)) * PAGE;
    long level = 2L + random.nextInt(2);
    long tree = 1;
    return switch (command) {
      case GRANULE_RANGE_DELEGATE, GRANULE_RANGE_UNDELEGATE -> {
        long g = granule();
        yield new long[] {g, g + PAGE};
      }
      case REALM_ACTIVATE, REALM_TERMINATE, REALM_DESTROY -> new long[] {rd()};
      case REC_CREATE -> new long[] {rd(), granule(), b.recParams(random.nextInt(2))};
      case REC_DESTROY -> new long[] {rec()};
      case REC_ENTER -> new long[] {rec(), b.ns()};
      case RTT_CREATE -> new long[] {rd(), granule(), ipa & -(PAGE << (9 * (4 - level))), level};
      case RTT_DESTROY, RTT_FOLD -> new long[] {rd(), ipa & -(PAGE << (9 * (4 - level))), level};
      case RTT_AUX_CREATE ->
          new long[] {rd(), granule(), ipa & -(PAGE << (9 * (4 - level))), level, tree};
      case RTT_AUX_DESTROY, RTT_AUX_FOLD ->
          new long[] {rd(), ipa & -(PAGE << (9 * (4 - level))), level, tree};
      case RTT_AUX_MAP_PROTECTED, RTT_AUX_UNMAP_PROTECTED -> new long[] {rd(), ipa, tree};
      case RTT_READ_ENTRY -> new long[] {rd(), ipa, 3};
      case RTT_INIT_RIPAS -> new long[] {rd(), ipa, top};
      case RTT_SET_RIPAS -> new long[] {rd(), rec(), ipa, top};
      case RTT_DATA_MAP_INIT -> new long[] {rd(), granule(), ipa, b.ns(), random.nextInt(2)};
      case RTT_DATA_MAP -> new long[] {rd(), ipa, top, Bench2.SINGLE, block()};
      case RTT_UNPROT_MAP ->
          new long[] {rd(), ipa, top, Bench2.SINGLE | 3 << 19, block() | (1L << 32)};
      case RTT_DATA_UNMAP, RTT_UNPROT_UNMAP ->
          random.nextBoolean()
              ? new long[] {rd(), ipa, ipa + Bench2.MB2, random.nextInt(2), 0}
              : new long[] {rd(), ipa, ipa + Bench2.MB2, Bench2.LIST | 3 << 2, b.ns()};
      case OP_CONTINUE -> new long[] {handle(), 0};
      case OP_CANCEL -> new long[] {handle()};
      case OP_MEM_DONATE -> {
        long list = b.ns();
        b.memory.writeLong(list, Block.of(granule(), 3, 1 + random.nextInt(16), 0));
        yield new long[] {handle(), list, 1};
      }
      case OP_MEM_RECLAIM -> new long[] {handle(), b.ns(), 1 + random.nextInt(20)};
      default -> new long[] {0, 0, 0, 0, 0};
    };
  }

  private void step() {
    Rmi2Command[] all = Rmi2Command.values();
    Rmi2Command command = all[random.nextInt(all.length)];
    // A table that is mapped into a plane again counts again, as was recorded.
    if (command == Rmi2Command.RTT_AUX_MAP_UNPROTECTED) {
      return;
    }
    long[] operands = operands(command);
    long status =
        random.nextInt(3) == 0
            ? b.interrupted(random.nextInt(516), command, operands)
            : b.call(command, operands);
    if (b.pe.entered()) {
      var _ = b.rmm.realmSide().interrupt(operands[0], false);
    }
    if (Status.code(status) == Status.INCOMPLETE || status == Status.SUCCESS) {
      succeeded.add(command);
      if (command == Rmi2Command.REC_CREATE) {
        recs.add(operands[1]);
      }
    }
    assertThat(b.broken()).as("%s = %s", command, Status.name(status)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
  void keepEveryInvariant(long seed) {
    random = new Random(seed);
    first = b.delegated(64, Bench2.MB2);
    realms.add(b.realm(1));
    realms.add(b.realm(0));
    for (long rd : realms) {
      b.tables(rd, 0, 3);
      b.tables(rd, Bench2.SHARED, 3);
    }
    for (int i = 0; i < CALLS; i++) {
      step();
    }
    assertThat(succeeded).hasSizeGreaterThan(10);
  }
}
