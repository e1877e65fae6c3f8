package dev.cocovisor.snp.psp;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.mem.SparseMemory;
import dev.cocovisor.api.trace.TraceSink;
import dev.cocovisor.snp.rmp.CpuMode;
import dev.cocovisor.snp.rmp.GuestInstructions;
import dev.cocovisor.snp.rmp.HostInstructions;
import dev.cocovisor.snp.rmp.PageState;
import dev.cocovisor.snp.rmp.Rmp;
import dev.cocovisor.snp.rmp.RmpInvariants;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.Signature;
import java.security.interfaces.ECPublicKey;
import java.security.spec.ECGenParameterSpec;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The firmware's commands: states, status codes, and what they do to pages. */
class SnpFirmwareTest {
  private static final long GCTX = 100L << 12;
  private static final long POLICY = GuestPolicy.SMT | GuestPolicy.RESERVED_ONE;
  private static final int FIXED = HostInstructions.ASSIGN | HostInstructions.IMMUTABLE;

  private final SparseMemory memory = new SparseMemory();
  private final Rmp rmp = new Rmp(4096, 32, dev.cocovisor.snp.rmp.RmpChoices.DEFAULT);
  private final HostInstructions host = new HostInstructions(rmp);
  private @Nullable FwCommand failing;
  private final SnpFirmware fw =
      new SnpFirmware(
          memory,
          rmp,
          true,
          new Mailbox(
              (call, _, _, _, _) -> call == failing ? FwStatus.HWERROR_PLATFORM.code() : 0,
              TraceSink.OFF));

  @BeforeEach
  void boot() {
    assertThat(fw.gctxCreate(GCTX)).isEqualTo(FwStatus.INVALID_PLATFORM_STATE);
    assertThat(fw.init()).isEqualTo(FwStatus.SUCCESS);
    assertThat(fw.init()).isEqualTo(FwStatus.INVALID_PLATFORM_STATE);
  }

  @AfterEach
  void rmpIsWhole() {
    assertThat(RmpInvariants.check(rmp)).isEmpty();
  }

  private void update(long pfn, long gpa, int flags, int asid) {
    assertThat(host.rmpupdate(CpuMode.HOST, pfn << 12, gpa, flags, asid)).isZero();
  }

  private void launching(int asid) {
    update(100, 0, FIXED, 0);
    assertThat(fw.gctxCreate(GCTX)).isEqualTo(FwStatus.SUCCESS);
    assertThat(fw.launch().start(GCTX, POLICY)).isEqualTo(FwStatus.SUCCESS);
    assertThat(fw.activate(GCTX, asid)).isEqualTo(FwStatus.SUCCESS);
  }

  @Test
  void everyCodeIsGivenOnce() {
    Set<Integer> seen = new HashSet<>();
    for (FwStatus s : FwStatus.values()) {
      assertThat(seen.add(s.code())).as("%s", s).isTrue();
    }
    seen.clear();
    for (FwCommand c : FwCommand.values()) {
      assertThat(seen.add((int) c.number())).as("%s", c).isTrue();
    }
    assertThat(FwStatus.INVALID_PARAM.code()).isEqualTo(0x16);
    assertThat(FwStatus.INVALID_KEY.code()).isEqualTo(0x27);
  }

  @Test
  void launchGoesThroughItsStates() {
    assertThat(fw.launch().start(GCTX, POLICY)).isEqualTo(FwStatus.INVALID_GUEST);
    assertThat(fw.launch().start(GCTX + 8, POLICY)).isEqualTo(FwStatus.INVALID_ADDRESS);
    assertThat(fw.gctxCreate(GCTX)).isEqualTo(FwStatus.INVALID_PAGE_STATE);
    update(100, 0, FIXED, 0);
    assertThat(fw.gctxCreate(GCTX)).isEqualTo(FwStatus.SUCCESS);
    assertThat(rmp.state(100)).isEqualTo(PageState.CONTEXT);
    assertThat(fw.guestStatus(GCTX)).isEqualTo(new GuestStatus(0, 0, GuestState.INIT));
    assertThat(fw.activate(GCTX, 3)).isEqualTo(FwStatus.INVALID_GUEST_STATE);
    assertThat(fw.launch().update(GCTX, 0, false, 1, false, 0))
        .isEqualTo(FwStatus.INVALID_GUEST_STATE);
    assertThat(fw.launch().finish(GCTX, null, null, false, new byte[32]))
        .isEqualTo(FwStatus.INVALID_GUEST_STATE);
    assertThat(fw.launch().start(GCTX, 1L << 40)).isEqualTo(FwStatus.INVALID_PARAM);
    assertThat(fw.launch().start(GCTX, GuestPolicy.SMT)).isEqualTo(FwStatus.INVALID_PARAM);
    assertThat(fw.launch().start(GCTX, GuestPolicy.RESERVED_ONE))
        .isEqualTo(FwStatus.POLICY_FAILURE);
    assertThat(fw.launch().start(GCTX, POLICY | 0xff00)).isEqualTo(FwStatus.POLICY_FAILURE);
    assertThat(fw.launch().start(GCTX, POLICY)).isEqualTo(FwStatus.SUCCESS);
    assertThat(fw.launch().start(GCTX, POLICY)).isEqualTo(FwStatus.INVALID_GUEST_STATE);
    assertThat(fw.launch().update(GCTX, 0, false, 1, false, 0)).isEqualTo(FwStatus.INACTIVE);
    assertThat(fw.activate(GCTX, 0)).isEqualTo(FwStatus.INVALID_ASID);
    assertThat(fw.activate(GCTX, 32)).isEqualTo(FwStatus.INVALID_ASID);
    assertThat(fw.activate(GCTX, 3)).isEqualTo(FwStatus.SUCCESS);
    assertThat(fw.activate(GCTX, 4)).isEqualTo(FwStatus.ACTIVE);
    assertThat(fw.launch().finish(GCTX, null, null, false, new byte[32]))
        .isEqualTo(FwStatus.SUCCESS);
    assertThat(fw.guestStatus(GCTX)).isEqualTo(new GuestStatus(POLICY, 3, GuestState.RUNNING));
    assertThat(fw.launch().update(GCTX, 0, false, 1, false, 0))
        .isEqualTo(FwStatus.INVALID_GUEST_STATE);
  }

  @Test
  void asidsAreOwnedFlushedAndEmptiedBeforeReuse() {
    launching(3);
    update(101, 0, FIXED, 0);
    long other = 101L << 12;
    assertThat(fw.gctxCreate(other)).isEqualTo(FwStatus.SUCCESS);
    assertThat(fw.launch().start(other, POLICY)).isEqualTo(FwStatus.SUCCESS);
    assertThat(fw.activate(other, 3)).isEqualTo(FwStatus.ASID_OWNED);
    // A page that outlives its guest, as a guest_memfd may.
    update(200, 0x1000, HostInstructions.ASSIGN, 3);
    assertThat(fw.decommission(GCTX)).isEqualTo(FwStatus.SUCCESS);
    assertThat(rmp.state(100)).isEqualTo(PageState.FIRMWARE);
    assertThat(fw.activate(other, 3)).isEqualTo(FwStatus.DFFLUSH_REQUIRED);
    assertThat(fw.shutdown()).isEqualTo(FwStatus.DFFLUSH_REQUIRED);
    assertThat(fw.dfFlush()).isEqualTo(FwStatus.WBINVD_REQUIRED);
    fw.wbinvd();
    assertThat(fw.dfFlush()).isEqualTo(FwStatus.SUCCESS);
    assertThat(fw.activate(other, 3)).isEqualTo(FwStatus.INVALID_CONFIG);
    update(200, 0, 0, 0);
    assertThat(fw.activate(other, 3)).isEqualTo(FwStatus.SUCCESS);
    assertThat(fw.decommission(GCTX)).isEqualTo(FwStatus.INVALID_GUEST);
  }

  @Test
  void launchUpdateChecksItsPage() {
    launching(3);
    assertThat(fw.launch().update(GCTX, 0, false, 0, false, 0)).isEqualTo(FwStatus.INVALID_PARAM);
    assertThat(fw.launch().update(GCTX, 0, false, 7, false, 0)).isEqualTo(FwStatus.INVALID_PARAM);
    assertThat(fw.launch().update(GCTX, 8, false, 1, false, 0)).isEqualTo(FwStatus.INVALID_ADDRESS);
    assertThat(fw.launch().update(GCTX, 1L << 40, false, 1, false, 0))
        .isEqualTo(FwStatus.INVALID_ADDRESS);
    assertThat(fw.launch().update(GCTX, 0, true, 2, false, 0))
        .isEqualTo(FwStatus.INVALID_PAGE_SIZE);
    assertThat(fw.launch().update(GCTX, 0, false, 1, false, 0))
        .isEqualTo(FwStatus.INVALID_PAGE_STATE);
    update(200, 0x1000, FIXED, 4);
    assertThat(fw.launch().update(GCTX, 200 << 12, false, 1, false, 0))
        .isEqualTo(FwStatus.INVALID_PAGE_OWNER);
    update(512, 0x200000, FIXED | HostInstructions.SIZE_2M, 3);
    assertThat(fw.launch().update(GCTX, 512 << 12, false, 1, false, 0))
        .isEqualTo(FwStatus.INVALID_PAGE_SIZE);
    assertThat(fw.launch().update(GCTX, 512 << 12, true, 1, false, 0)).isEqualTo(FwStatus.SUCCESS);
    assertThat(rmp.state(700)).isEqualTo(PageState.GUEST_VALID);
    LaunchDigest expected = new LaunchDigest();
    for (int i = 0; i < 512; i++) {
      expected.update(LaunchPageType.NORMAL, 0x200000 + i * 4096L, new byte[4096], 0);
    }
    assertThat(fw.launch().digest(GCTX)).isEqualTo(expected.value());
    assertThat(fw.launch().digest(0)).isNull();
  }

  @ParameterizedTest
  @CsvSource({"1", "2", "3", "4", "5", "6"})
  void eachTypeLeavesItsPageGuestValid(int type) {
    launching(3);
    byte[] content = new byte[4096];
    content[100] = 7;
    memory.write(200 << 12, content, 0, 4096);
    if (type == 6) {
      memory.zero(200, 1);
    }
    update(200, 0x1000, FIXED, 3);
    assertThat(fw.launch().update(GCTX, 200 << 12, false, type, false, 0))
        .isEqualTo(FwStatus.SUCCESS);
    assertThat(rmp.state(200)).isEqualTo(PageState.GUEST_VALID);
    assertThat(rmp.entry(200).vmsa()).isEqualTo(type == 2);
    assertThat(memory.isZero(200)).isEqualTo(type == 3 || type == 6);
    if (type == 5) {
      assertThat(memory.readByte(200 << 12)).isEqualTo(3);
      assertThat(memory.readLong((200 << 12) + 0x20)).isNotZero();
    }
    LaunchPageType t = LaunchPageType.of(type);
    LaunchDigest expected = new LaunchDigest();
    expected.update(java.util.Objects.requireNonNull(t), 0x1000, content, 0);
    assertThat(fw.launch().digest(GCTX)).isEqualTo(expected.value());
  }

  @Test
  void cpuidPageIsCorrectedAndRefused() {
    launching(3);
    update(200, 0x1000, FIXED, 3);
    ByteBuffer page = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
    page.putInt(0, 65);
    memory.write(200 << 12, page.array(), 0, 4096);
    assertThat(fw.launch().update(GCTX, 200 << 12, false, 6, false, 0))
        .isEqualTo(FwStatus.INVALID_PARAM);
    assertThat(rmp.state(200)).isEqualTo(PageState.PRE_GUEST);
    page.putInt(0, 1).putInt(16, 7).putInt(16 + 24, 0xff).putLong(16 + 40, 5);
    memory.write(200 << 12, page.array(), 0, 4096);
    fw.launch()
        .setCpuidFilter((leaf, subleaf, r) -> {
          boolean good = leaf != 7 || subleaf != 0 || r[0] == 0xf;
          r[0] = good ? r[0] : 0xf;
          return good;
        });
    assertThat(fw.launch().update(GCTX, 200 << 12, false, 6, false, 0))
        .isEqualTo(FwStatus.INVALID_PARAM);
    assertThat(memory.readByte((200 << 12) + 40)).isEqualTo(0xf);
    assertThat(memory.readLong((200 << 12) + 56)).isZero();
    assertThat(fw.launch().update(GCTX, 200 << 12, false, 6, false, 0)).isEqualTo(FwStatus.SUCCESS);
  }

  @Test
  void reclaimByState() {
    launching(3);
    String table =
        """
        HYPERVISOR INVALID_PAGE_STATE HYPERVISOR
        FIRMWARE SUCCESS RECLAIM
        PRE_GUEST SUCCESS GUEST_INVALID
        PRE_SWAP SUCCESS GUEST_VALID
        METADATA SUCCESS RECLAIM
        GUEST_INVALID INVALID_PAGE_STATE GUEST_INVALID
        GUEST_VALID INVALID_PAGE_STATE GUEST_VALID
        RECLAIM INVALID_PAGE_STATE RECLAIM
        """;
    long pfn = 300;
    for (String line : table.lines().toList()) {
      String[] c = line.split(" ", -1);
      make(pfn, PageState.valueOf(c[0]));
      assertThat(fw.pages().reclaim(pfn << 12, false)).as(line).isEqualTo(FwStatus.valueOf(c[1]));
      assertThat(rmp.state(pfn)).as(line).isEqualTo(PageState.valueOf(c[2]));
      pfn++;
    }
    assertThat(fw.pages().reclaim(GCTX, false)).isEqualTo(FwStatus.INVALID_PAGE_STATE);
    assertThat(fw.pages().reclaim(1, false)).isEqualTo(FwStatus.INVALID_ADDRESS);
    make(pfn, PageState.PRE_GUEST);
    assertThat(fw.pages().reclaim(pfn << 12, true)).isEqualTo(FwStatus.INVALID_PAGE_SIZE);
  }

  private void make(long pfn, PageState state) {
    long gpa = pfn << 12;
    switch (state) {
      case HYPERVISOR -> {}
      case FIRMWARE -> update(pfn, 0, FIXED, 0);
      case RECLAIM, METADATA -> {
        update(pfn, 0, FIXED, 0);
        assertThat(
                state == PageState.METADATA
                    ? fw.pages().pageMetadataInit(GCTX, gpa)
                    : fw.pages().reclaim(gpa, false))
            .isEqualTo(FwStatus.SUCCESS);
      }
      case PRE_GUEST -> update(pfn, gpa, FIXED, 3);
      case GUEST_INVALID -> update(pfn, gpa, HostInstructions.ASSIGN, 3);
      case GUEST_VALID, PRE_SWAP -> {
        update(pfn, gpa, HostInstructions.ASSIGN, 3);
        assertThat(
                new GuestInstructions(rmp)
                    .pvalidate(CpuMode.guest(3), gpa, 0, true, gpa, pfn, false))
            .isZero();
        if (state == PageState.PRE_SWAP) {
          update(pfn, gpa, FIXED, 3);
        }
      }
      default -> throw new IllegalArgumentException(state.name());
    }
    assertThat(rmp.state(pfn)).isEqualTo(state);
  }

  @Test
  void pagesMoveAndSwap() {
    launching(3);
    make(300, PageState.PRE_SWAP);
    memory.writeByte(300 << 12, 0x5a);
    update(400, 300 << 12, FIXED, 3);
    assertThat(fw.pages().pageMove(GCTX, 400 << 12, 300 << 12, false))
        .isEqualTo(FwStatus.INVALID_PAGE_STATE);
    assertThat(fw.pages().pageMove(GCTX, 300 << 12, 400 << 12, false)).isEqualTo(FwStatus.SUCCESS);
    assertThat(rmp.state(400)).isEqualTo(PageState.GUEST_VALID);
    assertThat(rmp.state(300)).isEqualTo(PageState.GUEST_INVALID);
    assertThat(memory.readByte(400 << 12)).isEqualTo(0x5a);
    update(400, 300 << 12, FIXED, 3);
    SwappedPage[] out = new SwappedPage[1];
    assertThat(fw.pages().pageSwapOut(GCTX, 400 << 12, out)).isEqualTo(FwStatus.SUCCESS);
    assertThat(out[0].gpa()).isEqualTo(300 << 12);
    memory.zero(400, 1);
    make(401, PageState.PRE_GUEST);
    assertThat(fw.pages().pageSwapIn(GCTX, 401 << 12, out[0]))
        .isEqualTo(FwStatus.INVALID_MDATA_ENTRY);
    update(402, 300 << 12, FIXED, 3);
    assertThat(fw.pages().pageSwapIn(GCTX, 402 << 12, out[0])).isEqualTo(FwStatus.SUCCESS);
    assertThat(memory.readByte(402 << 12)).isEqualTo(0x5a);
    assertThat(rmp.state(402)).isEqualTo(PageState.GUEST_VALID);
  }

  @Test
  void unsmashNeeds512EqualPages() {
    launching(3);
    update(512, 0x200000, HostInstructions.ASSIGN | HostInstructions.SIZE_2M, 3);
    assertThat(host.psmash(CpuMode.HOST, 512 << 12)).isZero();
    assertThat(rmp.huge(512)).isFalse();
    assertThat(fw.pages().pageUnsmash(GCTX, 513 << 12)).isEqualTo(FwStatus.INVALID_ADDRESS);
    assertThat(fw.pages().pageUnsmash(GCTX, 1024 << 12)).isEqualTo(FwStatus.INVALID_PAGE_OWNER);
    assertThat(fw.pages().pageUnsmash(GCTX, 512 << 12)).isEqualTo(FwStatus.SUCCESS);
    assertThat(rmp.huge(600)).isTrue();
    assertThat(host.psmash(CpuMode.HOST, 512 << 12)).isZero();
    update(513, 0, 0, 0);
    assertThat(fw.pages().pageUnsmash(GCTX, 512 << 12)).isEqualTo(FwStatus.INVALID_PAGE_STATE);
  }

  @Test
  void debugNeedsThePolicy() {
    launching(3);
    make(300, PageState.GUEST_VALID);
    make(301, PageState.FIRMWARE);
    assertThat(fw.pages().debug(GCTX, true, 300 << 12, 301 << 12))
        .isEqualTo(FwStatus.POLICY_FAILURE);
    update(101, 0, FIXED, 0);
    long g = 101 << 12;
    assertThat(fw.gctxCreate(g)).isEqualTo(FwStatus.SUCCESS);
    assertThat(fw.launch().start(g, POLICY | GuestPolicy.DEBUG)).isEqualTo(FwStatus.SUCCESS);
    assertThat(fw.activate(g, 5)).isEqualTo(FwStatus.SUCCESS);
    assertThat(fw.pages().debug(g, true, 300 << 12, 301 << 12))
        .isEqualTo(FwStatus.INVALID_PAGE_OWNER);
    update(302, 0x1000, HostInstructions.ASSIGN, 5);
    memory.writeByte(302 << 12, 0x77);
    assertThat(fw.pages().debug(g, true, 302 << 12, 303 << 12))
        .isEqualTo(FwStatus.INVALID_PAGE_STATE);
    assertThat(fw.pages().debug(g, true, 302 << 12, 301 << 12)).isEqualTo(FwStatus.SUCCESS);
    assertThat(memory.readByte(301 << 12)).isEqualTo(0x77);
  }

  @Test
  void identityBlockIsVerifiedAndCompared() throws Exception {
    launching(3);
    KeyPairGenerator gen = KeyPairGenerator.getInstance("EC");
    gen.initialize(new ECGenParameterSpec("secp384r1"));
    KeyPair key = gen.generateKeyPair();
    ByteBuffer block = ByteBuffer.allocate(96).order(ByteOrder.LITTLE_ENDIAN);
    block.put(0, fw.launch().digest(GCTX)).putInt(0x50, 1).putLong(0x58, POLICY);
    byte[] auth = sign(key, block.array());
    byte[] hd = new byte[32];
    assertThat(fw.launch().finish(GCTX, block.array(), null, false, hd))
        .isEqualTo(FwStatus.INVALID_PARAM);
    assertThat(fw.launch().finish(GCTX, block.array(), new byte[4096], false, hd))
        .isEqualTo(FwStatus.INVALID_PARAM);
    byte[] broken = auth.clone();
    broken[0x40] ^= 1;
    assertThat(fw.launch().finish(GCTX, block.array(), broken, false, hd))
        .isEqualTo(FwStatus.BAD_SIGNATURE);
    ByteBuffer other = ByteBuffer.wrap(block.array().clone()).order(ByteOrder.LITTLE_ENDIAN);
    other.put(0, (byte) 1);
    assertThat(fw.launch().finish(GCTX, other.array(), sign(key, other.array()), false, hd))
        .isEqualTo(FwStatus.BAD_MEASUREMENT);
    other.put(0, (byte) 0).putLong(0x58, POLICY | 1);
    assertThat(fw.launch().finish(GCTX, other.array(), sign(key, other.array()), false, hd))
        .isEqualTo(FwStatus.POLICY_FAILURE);
    other.putInt(0x50, 2);
    assertThat(fw.launch().finish(GCTX, other.array(), sign(key, other.array()), false, hd))
        .isEqualTo(FwStatus.BAD_VERSION);
    assertThat(fw.launch().finish(GCTX, block.array(), auth, true, hd))
        .isEqualTo(FwStatus.INVALID_PARAM);
    assertThat(fw.launch().finish(GCTX, block.array(), auth, false, hd))
        .isEqualTo(FwStatus.SUCCESS);
  }

  // SNP firmware ABI, SNP_LAUNCH_FINISH: the author's key signs the identity key.
  @Test
  void anAuthorsKeySignsTheIdentityKey() throws Exception {
    launching(3);
    KeyPairGenerator gen = KeyPairGenerator.getInstance("EC");
    gen.initialize(new ECGenParameterSpec("secp384r1"));
    KeyPair id = gen.generateKeyPair();
    KeyPair author = gen.generateKeyPair();
    ByteBuffer block = ByteBuffer.allocate(96).order(ByteOrder.LITTLE_ENDIAN);
    block.put(0, fw.launch().digest(GCTX)).putInt(0x50, 1).putLong(0x58, POLICY);
    ByteBuffer auth = ByteBuffer.wrap(sign(id, block.array())).order(ByteOrder.LITTLE_ENDIAN);
    byte[] idKey = java.util.Arrays.copyOfRange(auth.array(), 0x240, 0x240 + 0x404);
    byte[] ofAuthor = sign(author, idKey);
    auth.putInt(4, 1).put(0x680, ofAuthor, 0x40, 144).put(0x880, ofAuthor, 0x240, 4 + 144);
    byte[] hd = new byte[32];
    byte[] whole = auth.array();
    for (int at : new int[] {0x680, 0x680 + 72, 0x880 + 4, 0x240 + 300}) {
      byte[] broken = whole.clone();
      broken[at] ^= 1;
      assertThat(fw.launch().finish(GCTX, block.array(), broken, true, hd))
          .as("byte 0x%x", at)
          .isEqualTo(FwStatus.BAD_SIGNATURE);
    }
    byte[] curve = whole.clone();
    curve[0x880] = 1;
    assertThat(fw.launch().finish(GCTX, block.array(), curve, true, hd))
        .as("another curve")
        .isEqualTo(FwStatus.BAD_SIGNATURE);
    curve = whole.clone();
    curve[0] = 2;
    assertThat(fw.launch().finish(GCTX, block.array(), curve, true, hd))
        .as("another algorithm")
        .isEqualTo(FwStatus.INVALID_PARAM);
    assertThat(fw.launch().finish(GCTX, block.array(), whole, true, hd))
        .isEqualTo(FwStatus.SUCCESS);
  }

  @Test
  void whatIsWrongWithAnIdentityBlockIsSaid() {
    for (FwStatus s :
        new FwStatus[] {
          FwStatus.INVALID_PARAM,
          FwStatus.BAD_SIGNATURE,
          FwStatus.BAD_VERSION,
          FwStatus.BAD_MEASUREMENT,
          FwStatus.POLICY_FAILURE
        }) {
      assertThat(IdBlockCheck.why(s)).isNotBlank().isNotEqualTo(s.name());
    }
  }

  private static byte[] sign(KeyPair key, byte[] block) throws Exception {
    ByteBuffer auth = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
    Signature s = Signature.getInstance("SHA384withECDSAinP1363Format");
    s.initSign(key.getPrivate());
    s.update(block);
    byte[] rs = s.sign();
    ECPublicKey pub = (ECPublicKey) key.getPublic();
    auth.putInt(0, 1).putInt(0x240, 2);
    little(auth, 0x40, new BigInteger(1, java.util.Arrays.copyOfRange(rs, 0, 48)));
    little(auth, 0x40 + 72, new BigInteger(1, java.util.Arrays.copyOfRange(rs, 48, 96)));
    little(auth, 0x244, pub.getW().getAffineX());
    little(auth, 0x244 + 72, pub.getW().getAffineY());
    return auth.array();
  }

  private static void little(ByteBuffer into, int at, BigInteger n) {
    byte[] big = n.toByteArray();
    for (int i = 0; i < big.length && i < 72; i++) {
      into.put(at + i, big[big.length - 1 - i]);
    }
  }

  @Test
  void interposerAnswersInsteadOfTheCommand() {
    failing = FwCommand.SNP_GCTX_CREATE;
    update(100, 0, FIXED, 0);
    assertThat(fw.gctxCreate(GCTX)).isEqualTo(FwStatus.HWERROR_PLATFORM);
    assertThat(rmp.state(100)).isEqualTo(PageState.FIRMWARE);
  }
}
