package dev.cocovisor.core.vm;

/**
 * A vCPU tried the same page again and again until the budget (core.retries) was used up. The real
 * kernel would go on for ever, until a signal; the model answers as if one had come, EINTR.
 *
 * @param vm the VM's number on its host
 * @param vcpu the vCPU's id
 * @param gfn the page
 * @param tries how often it was tried
 * @param lastHook the kernel's name of the last hook that did not let the core go on; empty where
 *     none did
 */
public record NoProgress(int vm, int vcpu, long gfn, long tries, String lastHook) {
  @Override
  public String toString() {
    return "vm %d vcpu %d: gfn 0x%x tried %d times%s"
        .formatted(vm, vcpu, gfn, tries, lastHook.isEmpty() ? "" : ", last stopped by " + lastHook);
  }
}
