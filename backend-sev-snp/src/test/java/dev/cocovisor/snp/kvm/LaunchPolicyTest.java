package dev.cocovisor.snp.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.api.log.LogSource;
import dev.cocovisor.api.log.ReplayOptions;
import dev.cocovisor.script.replay.KvmLogReplayer;
import dev.cocovisor.vmm.Technologies;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Who judges a policy differs between kernels. */
class LaunchPolicyTest {
  @ParameterizedTest
  @CsvSource({
    "6.12, 0x20000, EINVAL",
    "6.12, 0x130000, EINVAL",
    "7.3+snp-launch-policy@6.12, 0x130000, EINVAL",
    "6.18, 0x20000, EIO",
    "7.3, 0x20000, EIO"
  })
  void aPolicyIsRefused(String kernel, String policy, String errno) throws IOException {
    String log =
        """
        host_config({backend="sev-snp", kernel="%s"}) = 0
        openat(AT_FDCWD, "/dev/kvm", O_RDWR) = 3
        ioctl(3, KVM_CREATE_VM, KVM_X86_SNP_VM) = 4
        ioctl(4, KVM_MEMORY_ENCRYPT_OP, {id=KVM_SEV_INIT2}) = 0
        ioctl(4, KVM_MEMORY_ENCRYPT_OP, {id=KVM_SEV_SNP_LAUNCH_START, policy=%s}) = -1 %s
        """
            .formatted(kernel, policy, errno);
    List<String> wrong = new ArrayList<>();
    var _ =
        new KvmLogReplayer(Technologies.of(List.of(new SevBackend())))
            .replay(
                LogSource.text("policy.kvmlog", log),
                ReplayOptions.ALL,
                m -> wrong.add(m.call() + " " + m.got()));
    assertThat(wrong).isEmpty();
  }
}
