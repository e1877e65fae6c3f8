package dev.cocovisor.host;

import static org.assertj.core.api.Assertions.assertThat;

import dev.cocovisor.core.host.KvmProcess;
import dev.cocovisor.host.discovery.BackendRegistry;
import dev.cocovisor.host.load.PackageJudge;
import dev.cocovisor.host.model.HypervisorModel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Hosts that were closed leave nothing of a plugin behind; the kit says so of the technologies. */
@Tag("slow")
class ManyPluginHostsTest {
  private static final int HOSTS = 2000;
  private static final int STEP = 500;
  private static final long ALLOWED = 1 << 20;

  @TempDir Path folder;

  @Test
  void theHeapIsFlat() {
    String technology = "plugged";
    PluginWorkshop.honest(folder, "plugged", "plugged");
    try (BackendRegistry registry =
        BackendRegistry.builder().judge(PackageJudge.TRUSTING).pluginFolder(folder).open()) {
      host(registry, technology);
      List<Long> used = new ArrayList<>();
      for (int i = 1; i <= HOSTS; i++) {
        host(registry, technology);
        if (i % STEP == 0) {
          used.add(usedHeap());
        }
      }
      System.out.println(technology + " heap in use after each " + STEP + " hosts: " + used);
      assertThat(used.getLast() - used.getFirst()).as("grown from %s", used).isLessThan(ALLOWED);
      assertThat(registry.liveVms(technology)).isEmpty();
    }
  }

  private static void host(BackendRegistry registry, String technology) {
    try (HypervisorModel model = HypervisorModel.builder().backends(registry, technology).build()) {
      KvmProcess vmm = model.newProcess();
      long type = model.vmType("TEST_VM").number();
      long vm = vmm.createVm((int) vmm.openDevKvm(), type);
      assertThat(vm).isPositive();
      assertThat(vmm.createVcpu((int) vm, 0)).isPositive();
    }
  }

  /** What other tests of this JVM left goes some collections later: asked until it stays. */
  private static long usedHeap() {
    long before = Long.MAX_VALUE;
    for (int i = 0; i < 20; i++) {
      System.gc();
      Runtime r = Runtime.getRuntime();
      long now = r.totalMemory() - r.freeMemory();
      if (Math.abs(now - before) < ALLOWED >> 4) {
        return now;
      }
      before = now;
    }
    return before;
  }
}
