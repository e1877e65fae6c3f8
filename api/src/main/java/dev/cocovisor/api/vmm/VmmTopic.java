package dev.cocovisor.api.vmm;

import org.apiguardian.api.API;

/**
 * The situations in which technologies differ; a driver states its rule for each.
 *
 * @since 0.1
 */
@API(status = API.Status.MAINTAINED, since = "0.1")
public enum VmmTopic {
  /** What creating the VM, its vCPUs and its RAM takes. */
  LAUNCH("what a launch takes"),
  /** What putting initial contents into private memory does. */
  POPULATE("what populating does to a page"),
  /** A page is populated that already was. */
  POPULATE_TWICE("whether a page can be populated twice"),
  /** Contents come after the launch is final. */
  POPULATE_LATE("whether contents can be added once the launch is final"),
  /** What ends the launch. */
  FINALIZE("what makes the launch final"),
  /** The guest runs before its launch is final. */
  RUN_EARLY("whether a guest runs before its launch is final"),
  /** The guest touches private memory that nobody populated. */
  FIRST_TOUCH("what a guest finds at the first touch of private memory"),
  /** What a guest does to take private memory into use. */
  ACCEPT("whether a guest must accept its memory"),
  /** The guest accepts at another size than the host mapped at. */
  ACCEPT_LEVEL("what happens when a guest accepts at another size than mapped"),
  /** Memory becomes shared because the guest asked. */
  TO_SHARED("what becomes of a private page that turns shared"),
  /** Memory becomes private because the guest asked. */
  TO_PRIVATE("what a page that turns private holds"),
  /** The host converts without being asked. */
  HOST_CONVERTS("what a conversion nobody asked for does to the guest"),
  /** Memory is converted where the guest_memfd keeps the attributes. */
  IN_PLACE("what becomes of a page that is converted in place"),
  /** The guest uses an alias that does not fit the attribute. */
  WRONG_ALIAS("what an access does that does not fit the attribute"),
  /** A hole is punched behind private memory. */
  PUNCH("what a hole in private memory leaves"),
  /** Pre-population before the launch is final. */
  PREFAULT_EARLY("whether memory can be pre-populated before the launch is final"),
  /** Pre-population of a running guest. */
  PREFAULT("what pre-population does"),
  /** The guest touches an address without memory. */
  MMIO("what an access to no memory at all does"),
  /** Memory is plugged into or out of a running guest. */
  HOT_PLUG("what plugging and unplugging memory does"),
  /** A memslot moves. */
  MOVE("what moving memory in the guest's address space does"),
  /** The VM boots again. */
  REBOOT("what a reboot takes"),
  /** The VM ends. */
  TEARDOWN("what the end of a VM gives back"),
  /** The host's program touches guest memory through its own mapping. */
  HOST_USER("what the VMM finds where guest memory is mapped"),
  /** The host kernel touches the VMM's mapping on behalf of a system call. */
  HOST_KERNEL("what the host kernel finds in the VMM's mapping"),
  /** The host kernel touches a private frame through its direct map. */
  DIRECT_MAP("what the host kernel finds in a private frame"),
  /** Another VM is given the same memory. */
  FOREIGN_MEMORY("whether another VM can be given the same memory"),
  /** What calls into the trusted half are made. */
  TRUSTED_CALLS("what the trusted half is called for"),
  /** Who keeps page tables, and how many pages they take. */
  TABLES("who keeps the tables of private memory"),
  /** A call into the trusted half fails and passes. */
  TRUSTED_FAULT("what a call that the trusted half refuses for a while does"),
  /** The host has no memory left for what an operation needs. */
  OUT_OF_MEMORY("what needs memory of the host, and what happens without");

  private final String question;

  VmmTopic(String question) {
    this.question = question;
  }

  /** Returns the situation as the question a difference answers. */
  public String question() {
    return question;
  }
}
