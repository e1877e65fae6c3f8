package com.example.cove;

import static org.assertj.core.api.Assertions.assertThat;

import com.example.cove.guest.Covg;
import com.example.cove.kvm.CoveBackend;
import dev.cocovisor.api.Architecture;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.vmm.GuestAnswer;
import dev.cocovisor.core.HostConfig;
import dev.cocovisor.core.Kvm;
import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.vmm.Guest;
import dev.cocovisor.vmm.GuestLaunch;
import dev.cocovisor.vmm.Technology;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a TVM is told when its call was refused. */
class ToldTest {
  @Test
  void anSbiErrorIsARefusalAndNothingIsConverted() {
    CoveBackend backend = new CoveBackend();
    HostConfig config = HostConfig.DEFAULT.withArchitecture(Architecture.RISCV64);
    try (Kvm kvm = new Kvm(config, List.of(backend))) {
      Guest guest = new Guest(Technology.of(backend), new KvmProcess(kvm), GuestLaunch.DEFAULT);
      assertThat(guest.launch()).isNotNegative();
      assertThat(guest.finish().done()).isTrue();
      assertThat(guest.write(0, 0, 5, false).done()).isTrue();
      GuestAction unaligned = Covg.share(guest.gpa(0) + 1, 4096);
      assertThat(guest.act(0, unaligned).answer())
          .isInstanceOfSatisfying(
              GuestAnswer.Refused.class,
              r -> {
                assertThat(r.status()).isNegative();
                assertThat(r.says()).isIn("INVALID_ADDRESS", "INVALID_PARAM");
              });
      assertThat(guest.convert(0, 1L << 55, 4096, false).done()).isFalse();
      assertThat(guest.read(0, 0, false).value()).isEqualTo(5);
    }
  }
}
