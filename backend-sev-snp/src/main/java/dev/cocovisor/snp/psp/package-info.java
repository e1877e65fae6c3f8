/**
 * The AMD secure processor as SEV-SNP sees it: guest contexts, the launch digest, the firmware
 * commands and their status codes. It owns no pages: it changes page states only through {@link
 * dev.cocovisor.snp.rmp} and content only through raw physical memory. It knows nothing of KVM and
 * can be driven alone.
 */
@NullMarked
package dev.cocovisor.snp.psp;

import org.jspecify.annotations.NullMarked;
