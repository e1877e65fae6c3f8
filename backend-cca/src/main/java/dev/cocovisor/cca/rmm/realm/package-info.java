/**
 * What the RMM keeps of realms: descriptors, RECs, the VMIDs in use, and what an RMM build and its
 * machine offer. Content of granules lives here as objects; commands of every version work on them.
 * A view shows tools and tests what can be seen without changing anything.
 */
@org.jspecify.annotations.NullMarked
package dev.cocovisor.cca.rmm.realm;
