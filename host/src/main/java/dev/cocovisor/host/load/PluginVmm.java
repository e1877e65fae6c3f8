package dev.cocovisor.host.load;

import dev.cocovisor.api.PageLevel;
import dev.cocovisor.api.guest.Exit;
import dev.cocovisor.api.guest.GuestAction;
import dev.cocovisor.api.guest.RunResult;
import dev.cocovisor.api.vmm.GuestAnswer;
import dev.cocovisor.api.vmm.VmmDriver;
import dev.cocovisor.api.vmm.VmmMachine;
import dev.cocovisor.api.vmm.VmmRule;
import dev.cocovisor.api.vmm.VmmTopic;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A plugin's VMM; what it throws says whose it is. */
final class PluginVmm implements VmmDriver {
  private final VmmDriver driver;
  private final PluginFailures failures;

  PluginVmm(VmmDriver driver, PluginFailures failures) {
    this.driver = driver;
    this.failures = failures;
  }

  @Override
  public long vmType() {
    return failures.call("vmType", () -> driver.vmType());
  }

  @Override
  public long ramBase() {
    return failures.call("ramBase", () -> driver.ramBase());
  }

  @Override
  public boolean guestMemfd() {
    return failures.call("guestMemfd", () -> driver.guestMemfd());
  }

  @Override
  public boolean privateFromStart() {
    return failures.call("privateFromStart", () -> driver.privateFromStart());
  }

  @Override
  public long vmCreated(VmmMachine vm) {
    return failures.call("vmCreated", () -> driver.vmCreated(vm));
  }

  @Override
  public long ready(VmmMachine vm) {
    return failures.call("ready", () -> driver.ready(vm));
  }

  @Override
  public List<GuestAction> startVcpu(VmmMachine vm, int index) {
    return failures.answer("startVcpu", () -> driver.startVcpu(vm, index));
  }

  @Override
  public long populate(VmmMachine vm, long gpa, long size, long source, boolean measured) {
    return failures.call("populate", () -> driver.populate(vm, gpa, size, source, measured));
  }

  @Override
  public long finalizeLaunch(VmmMachine vm) {
    return failures.call("finalizeLaunch", () -> driver.finalizeLaunch(vm));
  }

  @Override
  public long guestAddress(VmmMachine vm, long gpa, boolean shared) {
    return failures.call("guestAddress", () -> driver.guestAddress(vm, gpa, shared));
  }

  @Override
  public List<GuestAction> accept(VmmMachine vm, long gpa, long size, PageLevel level) {
    return failures.answer("accept", () -> driver.accept(vm, gpa, size, level));
  }

  @Override
  public List<GuestAction> askConversion(VmmMachine vm, long gpa, long size, boolean toPrivate) {
    return failures.answer("askConversion", () -> driver.askConversion(vm, gpa, size, toPrivate));
  }

  @Override
  public List<GuestAction> refusedCalls(VmmMachine vm) {
    return failures.answer("refusedCalls", () -> driver.refusedCalls(vm));
  }

  @Override
  public Set<String> launchFields() {
    return failures.answer("launchFields", driver::launchFields);
  }

  @Override
  public GuestAnswer judge(GuestAction action, RunResult result) {
    return failures.answer("judge", () -> driver.judge(action, result));
  }

  @Override
  public @Nullable GuestAction resume(VmmMachine vm, Exit asked, long ret) {
    return failures.call("resume", () -> driver.resume(vm, asked, ret));
  }

  @Override
  public long convert(VmmMachine vm, long gpa, long size, boolean toPrivate) {
    return failures.call("convert", () -> driver.convert(vm, gpa, size, toPrivate));
  }

  @Override
  public long punch(VmmMachine vm, long gpa, long size) {
    return failures.call("punch", () -> driver.punch(vm, gpa, size));
  }

  @Override
  public long reboot(VmmMachine vm) {
    return failures.call("reboot", () -> driver.reboot(vm));
  }

  @Override
  public @Nullable VmmRule rule(VmmTopic topic) {
    return failures.call("rule", () -> driver.rule(topic));
  }
}
