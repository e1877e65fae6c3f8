package dev.cocovisor.snp.psp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** One update from 48 zero bytes, type by type; values were computed independently. */
class LaunchDigestTest {
  private static final byte[] ZEROS = new byte[4096];

  @ParameterizedTest
  @CsvSource({
    "NORMAL, 0x1000,"
        + " e6e4d78904d9d6b33c0cbfd121998fd2d11744dae606b3aee35e2a45d6869b60b35c63928a9232bef72d6be386f48ec6",
    "VMSA, 0xfffffffff000,"
        + " f4577da9b848673216afc3909e5ea7aa80150dda441526874cd2b0282894709b46484c13a07221aefbedfff667199259",
    "ZERO, 0x1000,"
        + " 4bd4147976a1e7554c1c778a781affc1c672f1965a727ba16084989b7e356044a28bbe585a2f75dac9356fa5ab78f061",
    "UNMEASURED, 0x1000,"
        + " 81475a112c0223cebe1ccb31a0aa2567772871200b33515a3cbbd5ed6a68a8e630902dd83469ea6553554bfb67111fad",
    "SECRETS, 0x1000,"
        + " ede71fa5ddc72c3de70c6ff1149b8ecb6ef08b74b1d3a72c2cece10bd140c06a6181343d33def7db6cc0da1ff9ba4805",
    "CPUID, 0x1000,"
        + " af3c8d305f882f039a48318a961572ddc7ebf40b3d1eae828f4fa6e27a7b3078cf2d84b459e002fb58b4ae83efd7f29c",
  })
  void firstPageOfEachType(LaunchPageType type, String gpa, String expected) {
    LaunchDigest d = new LaunchDigest();
    d.update(type, Long.decode(gpa), ZEROS, 0);
    assertThat(HexFormat.of().formatHex(d.value())).isEqualTo(expected);
  }

  @Test
  void contentOfNormalPagesCounts() {
    byte[] page = new byte[4096 + 8];
    for (int i = 0; i < 4096; i++) {
      page[8 + i] = (byte) i;
    }
    LaunchDigest d = new LaunchDigest();
    d.update(LaunchPageType.NORMAL, 0x1000, page, 8);
    assertThat(HexFormat.of().formatHex(d.value()))
        .isEqualTo(
            "d9ee416942ec5db1caf25b01cff7feaed0d7ac42422f811c6164e4857e3f800d270202f572ade105c96b3959107b8521");
  }

  @Test
  void hugePageIs512SequentialPages() {
    LaunchDigest d = new LaunchDigest();
    byte[] contents = LaunchDigest.contentHash(LaunchPageType.NORMAL, ZEROS, 0);
    for (long gpa = 0x200000; gpa < 0x400000; gpa += 4096) {
      d.extend(LaunchPageType.NORMAL, gpa, contents, 0);
    }
    assertThat(HexFormat.of().formatHex(d.value()))
        .isEqualTo(
            "d6b9a916f116fab05cb1aec1c3c0bde4eaca07c0384bb94002ebacc58422cfbcf9a34dba18df1f28e20b5a0c4819c313");
  }

  @Test
  void tscFieldsOfVmsaDoNotCountButTheirNeighboursDo() {
    byte[] reference = LaunchDigest.contentHash(LaunchPageType.VMSA, ZEROS, 0);
    for (int at : new int[] {0, 0x2EF, 0x2F0, 0x2F7, 0x2F8, 0x2FF, 0x300, 4095}) {
      byte[] page = new byte[4096];
      page[at] = 1;
      boolean same =
          java.util.Arrays.equals(
              reference, LaunchDigest.contentHash(LaunchPageType.VMSA, page, 0));
      assertThat(same).as("byte %x", at).isEqualTo(at >= 0x2F0 && at < 0x300);
    }
  }

  @Test
  void permissionBytesFollowTheChosenOrder() {
    LaunchDigest a = new LaunchDigest(LaunchDigest.PermissionOrder.VMPL3_FIRST);
    LaunchDigest b = new LaunchDigest(LaunchDigest.PermissionOrder.RESERVED_FIRST);
    a.update(LaunchPageType.NORMAL, 0, ZEROS, 0, 0, false);
    b.update(LaunchPageType.NORMAL, 0, ZEROS, 0, 0, false);
    assertThat(a.value()).isEqualTo(b.value());
    a.reset();
    b.reset();
    // VMPL2 of the one order and VMPL1 of the other share byte 0x65.
    a.update(LaunchPageType.NORMAL, 0, ZEROS, 0, 0x000300, false);
    b.update(LaunchPageType.NORMAL, 0, ZEROS, 0, 0x000003, false);
    assertThat(a.value()).isEqualTo(b.value());
    byte[] resumed = LaunchDigest.from(a.value()).value();
    assertThat(resumed).isEqualTo(a.value());
  }

  @Test
  void measuredTypesNeedContent() {
    LaunchDigest d = new LaunchDigest();
    assertThatThrownBy(() -> d.update(LaunchPageType.NORMAL, 0))
        .isInstanceOf(IllegalArgumentException.class);
    d.update(LaunchPageType.ZERO, 0x1000);
    assertThat(HexFormat.of().formatHex(d.value())).startsWith("4bd41479");
  }
}
