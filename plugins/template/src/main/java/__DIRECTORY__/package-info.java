/** The __NAME__ backend for Cocovisor. */
@org.jspecify.annotations.NullMarked
package __PACKAGE__;
