package org.opensaml.core.xml;

/** Stands in for the type of OpenSAML, which is not on Maven Central; nothing here logs in with SAML. */
public interface XMLObject {}
