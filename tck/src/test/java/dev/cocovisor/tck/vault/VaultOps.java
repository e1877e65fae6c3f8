package dev.cocovisor.tck.vault;

import dev.cocovisor.api.Errno;
import dev.cocovisor.api.Fields;
import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.SlotView;
import dev.cocovisor.api.VcpuContext;
import dev.cocovisor.api.VendorCommand;
import dev.cocovisor.api.VmContext;
import dev.cocovisor.api.guest.Access;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.ops.PrivateRule;
import dev.cocovisor.api.ops.PrivateSource;
import dev.cocovisor.api.ops.StageShape;
import dev.cocovisor.api.ops.VmOps;
import dev.cocovisor.api.ops.VmTraits;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** KVM's half of the vault for one VM. */
final class VaultOps implements VmOps {
  private static final VmTraits TRAITS =
      VmTraits.of(StageShape.DELEGATED)
          .withPrivateRule(PrivateRule.ALWAYS)
          .withMaxPrivateLevel(PageLevel.PG_4K)
          .withPrivateSource(PrivateSource.USER_MEMORY)
          .withProtectedState(true);

  private final VmContext vm;
  private final Vault vault;
  private final Map<Long, Long> table = new ConcurrentHashMap<>();
  private final Map<Long, Boolean> unpacked = new ConcurrentHashMap<>();
  private boolean verified;
  private boolean dying;

  VaultOps(VmContext vm, Vault vault) {
    this.vm = vm;
    this.vault = vault;
  }

  @Override
  public VmTraits traits() {
    return TRAITS;
  }

  @Override
  public boolean preFaultAllowed() {
    return false;
  }

  @Override
  public Errno vcpuPreRun(VcpuContext vcpu) {
    return verified || vault.wrong(Flaw.RUNS_EARLY) ? Errno.OK : Errno.EINVAL;
  }

  @Override
  public Errno prepareMemoryRegion(
      SlotChange change, @Nullable SlotView old, @Nullable SlotView now) {
    return change == SlotChange.DELETE || change == SlotChange.MOVE ? Errno.EPERM : Errno.OK;
  }

  @Override
  public long memEncIoctl(VendorCommand command) {
    return switch (command.name()) {
      case "VAULT_UNPACK" -> unpack(command.in());
      case "VAULT_VERIFY" -> verify();
      default -> -Errno.EINVAL.number();
    };
  }

  private long verify() {
    if (verified && !vault.wrong(Flaw.VERIFIES_TWICE)) {
      return -Errno.EINVAL.number();
    }
    verified = true;
    return 0;
  }

  private long unpack(Fields in) {
    if ((verified && !vault.wrong(Flaw.UNPACKS_LATE)) || vm.vcpus().isEmpty()) {
      return -Errno.EINVAL.number();
    }
    for (long at = 0; at < in.number("size"); at += PageLevel.PAGE_SIZE) {
      long gpa = in.number("gpa") + at;
      long gfn = gpa >>> PageLevel.PAGE_SHIFT;
      if (unpacked.containsKey(gfn) && !vault.wrong(Flaw.UNPACKS_OVER_AN_OWNED_FRAME)) {
        return -Errno.EEXIST.number();
      }
      byte[] page = new byte[(int) PageLevel.PAGE_SIZE];
      Errno errno = vm.copyFromUser(in.number("source") + at, page, 0, page.length);
      if (errno.ok() && !table.containsKey(gfn)) {
        errno = vm.mapPage(vm.vcpus().getFirst(), gpa, true);
      }
      Long pfn = table.get(gfn);
      if (!errno.ok() || pfn == null) {
        return -(errno.ok() ? Errno.EFAULT : errno).number();
      }
      vm.host().memory().raw().write(pfn << PageLevel.PAGE_SHIFT, page, 0, page.length);
      unpacked.put(gfn, true);
    }
    return 0;
  }

  @Override
  public Errno mapDelegated(
      VcpuContext vcpu, long gfn, long pfn, PageLevel level, boolean isPrivate, boolean writable) {
    if (table.containsKey(gfn)) {
      return Errno.EAGAIN;
    }
    if (!vault.makeSecret(vm.id(), gfn, pfn)) {
      // Another vCPU of the same guest brought this very page between the look above and the call.
      boolean raced = new Vault.Owner(vm.id(), gfn).equals(vault.ownerOf(pfn));
      return raced ? Errno.EAGAIN : Errno.EPERM;
    }
    table.put(gfn, pfn);
    return Errno.OK;
  }

  @Override
  public Errno unmapDelegated(long gfn, long pfn, PageLevel level, boolean isPrivate) {
    if (!dying && !vault.wrong(Flaw.DESTROYS_PAGES_OF_OTHERS)) {
      return Errno.EPERM;
    }
    if (!vault.destroy(vm.id(), gfn, pfn)) {
      return Errno.EPERM;
    }
    table.remove(gfn);
    if (!vault.wrong(Flaw.DOES_NOT_UNPIN)) {
      vm.unpinUserPage(pfn);
    }
    return Errno.OK;
  }

  @Override
  public boolean notifierMayUnmap(long gfn, boolean isPrivate) {
    return false;
  }

  @Override
  public long guestWalk(VcpuContext vcpu, long gpa, Access access, boolean isPrivate) {
    Long pfn = table.get(gpa >>> PageLevel.PAGE_SHIFT);
    return pfn == null ? WALK_FAULT : pfn << PageLevel.PAGE_SHIFT | (gpa & 4095);
  }

  @Override
  public @Nullable RunResult guestAction(VcpuContext vcpu, GuestAction.Vendor action) {
    boolean share = action.name().equals("vault_share");
    if (!share && !action.name().equals("vault_unshare")) {
      return null;
    }
    long gpa = action.fields().number("gpa");
    if (gpa % PageLevel.PAGE_SIZE != 0) {
      return RunResult.ok(new Exit.Done(VaultDriver.REFUSED));
    }
    long gfn = gpa >>> PageLevel.PAGE_SHIFT;
    while (true) {
      Long pfn = table.get(gfn);
      if (pfn != null) {
        boolean done = vault.share(vm.id(), gfn, pfn, share);
        return RunResult.ok(new Exit.Done(done ? 0 : VaultDriver.REFUSED));
      }
      Errno errno = vm.mapPage(vcpu, gpa, true);
      if (!errno.ok() && errno != Errno.EAGAIN) {
        return new RunResult(errno, new Exit.Unknown());
      }
    }
  }

  @Override
  public void vmPreDestroy() {
    dying = true;
  }
}
