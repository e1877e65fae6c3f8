package dev.cocovisor.snp.measure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.cocovisor.api.measure.MeasureException;
import dev.cocovisor.snp.psp.LaunchDigest;
import dev.cocovisor.snp.psp.LaunchPageType;
import java.util.HexFormat;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Save areas of public launches of OvmfPkg's AmdSev build: AP start 0x80b004, EPYC-v4. */
class VmsaTest {
  @ParameterizedTest(name = "{0} features {1} eip {2}")
  @CsvSource({
    "QEMU, 0x1,  0xfffffff0,"
        + " 77920c4c629ff47e90c0e174fc1ad0eb6fa664f88cd4739488058a8c6cb1a77b3856f55378e9518d0da99452d51c553a",
    "QEMU, 0x1,  0x80b004,  "
        + " 8413b852790765a310d95867a8b00bfca3a802b5a80830044b45e253fe96222657e11e53fcf63eb0e0afd722385bf7b4",
    "QEMU, 0x21, 0xfffffff0,"
        + " ae79efa6efbe1594a2717dfd42af495a0e4ed37b00e529a5fdf349bea04c3513962ffb0c74cf65b0d9a1857271833d6e",
    "QEMU, 0x21, 0x80b004,  "
        + " 180ef2675dc01615d31b3e84ef27a0a69d08bfbbb58ea4f6a0188f08884ab6407591ada42f99749ce9a406fb4e5d8355",
    "ec2,  0x1,  0xfffffff0,"
        + " d08442e8bcdb6a5dcd7f22e4f7fd6979beffb9f0bb54a9d1977407fe84f482abf23c1baae6ce95a6a9e7a94c3c51f412",
    "ec2,  0x21, 0x80b004,  "
        + " bb757c6aec783f41492857eaa32b3d931e2faa80976bee4a4ee6b2f4f3d50744d1b02b4bf30d191d504cc686d30f642f",
    "gce,  0x1,  0xfffffff0,"
        + " f9e03177dad7f4819ee193af7cfb70507d8a923ab513412e908bc73460a9dfdaa54215d58952816118ffb2ec281e7fd2",
    "gce,  0x1,  0x80b004,  "
        + " 5302d262c88780a7a13159a327fa99cf188cab234c680e1f3b6729171380a4312511813a354cab136d69c778050c245a"
  })
  void saveAreasAreThoseOfRealLaunches(String vmm, String features, String eip, String hash) {
    byte[] page =
        Vmsa.firmware(
            new CpuStart(
                Vmm.of(vmm),
                HostKernel.CURRENT,
                Product.MILAN,
                VcpuSignature.of(23, 1, 2),
                Long.decode(features)),
            Long.decode(eip));
    assertThat(HexFormat.of().formatHex(LaunchDigest.contentHash(LaunchPageType.VMSA, page, 0)))
        .isEqualTo(hash);
  }

  @ParameterizedTest
  @CsvSource({"271,0,0", "-1,0,0", "15,256,0", "15,0,16"})
  void signaturesOutOfRangeAreRefused(int family, int model, int stepping) {
    assertThatThrownBy(() -> VcpuSignature.of(family, model, stepping))
        .isInstanceOf(MeasureException.class);
  }
}
